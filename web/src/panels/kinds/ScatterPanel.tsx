// Any two columns against each other, each run a point; with colour, size, a line and a front.

import { createMemo, createSignal, For, Show } from "solid-js";
import type { Run } from "../../api/runs";
import { ErrorNote } from "../../parts/ErrorNote";
import { count, number } from "../../parts/format";
import { type Column, title, value } from "../../runs/columns";
import { AxisFrame, createArea } from "../AxisFrame";
import { runColour } from "../colours";
import { Drawing } from "../Drawing";
import { dimension } from "../dimensions";
import { firstParam, useFirstMetric } from "../firstColumns";
import { HeatLegend } from "../HeatLegend";
import { heat } from "../heat";
import { PanelFrame } from "../PanelFrame";
import type { KindProps } from "../panelContext";
import { paretoFront, regression } from "../relations";
import { createRunValues } from "../runValues";
import type { Rows } from "../saveTable";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { titleOf } from "../titles";

const SIZE = { least: 3, usual: 5, most: 14 };

export default function ScatterPanel(props: KindProps) {
  let root!: HTMLElement;
  let drawing!: SVGSVGElement;
  const { inSight } = createSight(() => root);
  const { context } = props;
  const [over, setOver] = createSignal<Run>();
  const firstMetric = useFirstMetric(context);
  const x = (): Column => props.fields.px || firstParam(context.live.runs()) || "start_time";
  const y = (): Column => props.fields.py || firstMetric() || "duration";
  const asked = () =>
    [x(), y(), props.fields.colour, props.fields.radius].filter((one) => one !== undefined);
  const found = createRunValues(context, asked, inSight);
  const { size, area, note } = createArea();
  const isLog = (name: string) => props.fields[name] === "1";
  const across = createMemo(() =>
    dimension(x(), found.runs(), area().left, area().right, isLog("logx")),
  );
  const up = createMemo(() =>
    dimension(y(), found.runs(), area().bottom, area().top, isLog("logy")),
  );
  const colours = createMemo(() => {
    const column = props.fields.colour;
    return column ? dimension(column, found.runs(), 0, 1) : undefined;
  });
  const sizes = createMemo(() => {
    const column = props.fields.radius;
    return column ? dimension(column, found.runs(), SIZE.least, SIZE.most) : undefined;
  });
  const points = createMemo(() =>
    found.runs().flatMap((run) => {
      const [cx, cy] = [across().place(run), up().place(run)];
      if (cx === undefined || cy === undefined) return [];
      const shade = colours()?.place(run);
      const fill = colours() ? shade !== undefined && heat(shade) : runColour(run.id);
      return [{ run, cx, cy, fill: fill || "var(--faint)", r: sizes()?.place(run) ?? SIZE.usual }];
    }),
  );
  const places = () => points().map(({ cx, cy }) => [cx, cy] as const);
  // Both are of the places: on a logarithmic axis the line is one of the logarithms.
  const line = createMemo(() => (isLog("regression") ? regression(places()) : undefined));
  const front = createMemo(() => {
    const [a, b] = props.fields.pareto ?? "";
    if (!a || !b) return [];
    // Places grow downwards.
    return paretoFront(places(), a === "m", b === "l");
  });
  const frontRuns = createMemo(() => new Set(front().map((index) => points()[index]?.run.id)));
  const fromLeft = createMemo(() => points().toSorted((a, b) => a.cx - b.cx));
  const table = (): Rows => [
    ["run_id", "run_name", ...asked().map(title)],
    ...points().map(({ run }) => [
      run.id,
      run.name,
      ...asked().map((column) => value(run, column)),
    ]),
  ];
  const drawnFrom = (at: number) => line()?.at(at) ?? 0;
  const panelTitle = () =>
    titleOf({ ...props.panel, fields: { ...props.fields, px: x(), py: y() } });
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={panelTitle()}
      label={`${title(y())} by ${title(x())}, ${count(points().length)} runs`}
      busy={found.loading()}
      hint={
        <span class="hint" role="status">
          {count(points().length)} of {count(found.total() ?? found.runs().length)} runs have both
        </span>
      }
      picture={() => drawing}
      actions={tableActions(panelTitle, table)}
    >
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <Show when={colours()}>
        {(scale) => (
          <HeatLegend title={scale().title} from={scale().textAt(0)} to={scale().textAt(1)} />
        )}
      </Show>
      <div class="plot" ref={note}>
        <Drawing
          label={`Runs of ${panelTitle()}`}
          runs={fromLeft().map(({ run }) => run)}
          columns={asked()}
          over={over()}
          setOver={setOver}
          choose={context.choose}
        >
          <AxisFrame
            ref={(element) => {
              drawing = element;
            }}
            label={`${title(y())} by ${title(x())}`}
            size={size()}
            area={area()}
            across={across()}
            up={up()}
          >
            <Show when={line()}>
              <line
                class="regression"
                x1={area().left}
                x2={area().right}
                y1={drawnFrom(area().left)}
                y2={drawnFrom(area().right)}
              />
              <text class="tick" x={area().right - 4} y={area().top + 10} text-anchor="end">
                r = {number(Number((-(line()?.r ?? 0)).toFixed(3)))}
              </text>
            </Show>
            <Show when={front().length}>
              <polyline
                class="front"
                points={front()
                  .map((index) => `${points()[index]?.cx},${points()[index]?.cy}`)
                  .join(" ")}
              />
            </Show>
            <For each={points()}>
              {({ run, cx, cy, fill, r }) => (
                <circle
                  class="point"
                  classList={{
                    selected: context.selected().has(run.id),
                    over: over()?.id === run.id,
                    best: frontRuns().has(run.id),
                  }}
                  cx={cx}
                  cy={cy}
                  r={r}
                  style={{ fill }}
                  onMouseEnter={() => setOver(run)}
                  onMouseLeave={() => setOver(undefined)}
                  onClick={() => context.choose(run.id)}
                />
              )}
            </For>
          </AxisFrame>
        </Drawing>
        <Show when={!points().length && !found.loading()}>
          <p class="empty">No run has a value in both columns.</p>
        </Show>
      </div>
    </PanelFrame>
  );
}
