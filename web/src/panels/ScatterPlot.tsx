// Any two columns of the table against each other, each run a point.

import { useNavigate } from "@solidjs/router";
import { createEffect, createMemo, createSignal, For, Show } from "solid-js";
import type { Run } from "../api/runs";
import { useText } from "../parts/address";
import { count } from "../parts/format";
import { csv, saveFile } from "../parts/saveFile";
import { parts, title, value } from "../runs/columns";
import type { RunList } from "../runs/runList";
import { address, Drawing } from "./Drawing";
import { dimension } from "./dimensions";
import { saveDrawingImage } from "./saveImage";
import "../style/chart.css";

const MOST = 2_000;
const WIDTH = 760;
const HEIGHT = 460;
const LEFT = 110;
const BOTTOM = HEIGHT - 56;
const TOP = 16;
const RIGHT = WIDTH - 16;

export default function ScatterPlot(props: { list: RunList; selected: Set<string> }) {
  const navigate = useNavigate();
  const [chosenX, setX] = useText("scatterx");
  const [chosenY, setY] = useText("scattery");
  const [over, setOver] = createSignal<Run>();
  let drawing!: SVGSVGElement;
  createEffect(() => props.list.need(0, MOST - 1));
  const possible = () => [
    "start_time",
    "duration",
    ...props.list.columns().filter((one) => parts(one)[1]),
  ];
  const first = (group: string) => possible().find((column) => parts(column)[0] === group);
  const x = () => chosenX() || first("params") || "start_time";
  const y = () => chosenY() || first("metrics") || "duration";
  const runs = createMemo(() =>
    props.list
      .lines()
      .map((line) => line.run)
      .slice(0, MOST),
  );
  const across = createMemo(() => dimension(x(), runs(), LEFT, RIGHT));
  const up = createMemo(() => dimension(y(), runs(), BOTTOM, TOP));
  const points = createMemo(() =>
    runs().flatMap((run) => {
      const cx = across().place(run);
      const cy = up().place(run);
      return cx === undefined || cy === undefined ? [] : [{ run, cx, cy }];
    }),
  );
  const fromLeft = createMemo(() => points().toSorted((a, b) => a.cx - b.cx));
  const saveData = () =>
    saveFile(
      "scatter.csv",
      csv([
        ["run_id", "run_name", x(), y()],
        ...points().map(({ run }) => [run.id, run.name, value(run, x()), value(run, y())]),
      ]),
    );
  return (
    <div class="charts">
      <div class="bar">
        <Choice label="x" columns={possible()} chosen={x()} choose={setX} />
        <Choice label="y" columns={possible()} chosen={y()} choose={setY} />
        <span role="status">
          {count(points().length)} of {count(props.list.total() ?? runs().length)} runs have both
        </span>
        <button type="button" onClick={() => saveDrawingImage(drawing, "scatter")}>
          SVG
        </button>
        <button type="button" disabled={!points().length} onClick={saveData}>
          CSV
        </button>
      </div>
      <Drawing
        label="Runs of the scatter plot"
        runs={fromLeft().map(({ run }) => run)}
        columns={[x(), y()]}
        over={over()}
        setOver={setOver}
      >
        <svg
          ref={drawing}
          role="img"
          aria-label={`${title(y())} by ${title(x())}`}
          width={WIDTH}
          height={HEIGHT}
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        >
          <line class="axis" x1={LEFT} x2={RIGHT} y1={BOTTOM} y2={BOTTOM} />
          <line class="axis" x1={LEFT} x2={LEFT} y1={TOP} y2={BOTTOM} />
          <For each={across().ticks}>
            {(tick) => (
              <text class="tick" x={tick.at} y={BOTTOM + 18} text-anchor="middle">
                {tick.text}
              </text>
            )}
          </For>
          <For each={up().ticks}>
            {(tick) => (
              <text class="tick" x={LEFT - 8} y={tick.at + 4} text-anchor="end">
                {tick.text}
              </text>
            )}
          </For>
          <text class="name" x={(LEFT + RIGHT) / 2} y={HEIGHT - 8} text-anchor="middle">
            {title(x())}
          </text>
          <text
            class="name"
            transform={`translate(16,${(TOP + BOTTOM) / 2}) rotate(-90)`}
            text-anchor="middle"
          >
            {title(y())}
          </text>
          <For each={points()}>
            {({ run, cx, cy }) => (
              <circle
                class="point"
                classList={{
                  selected: props.selected.has(run.id),
                  over: over()?.id === run.id,
                }}
                cx={cx}
                cy={cy}
                r={5}
                onMouseEnter={() => setOver(run)}
                onClick={() => navigate(address(run))}
              />
            )}
          </For>
        </svg>
      </Drawing>
      <Show when={!points().length}>
        <p class="empty">No run has a value in both columns.</p>
      </Show>
    </div>
  );
}

function Choice(props: {
  label: string;
  columns: string[];
  chosen: string;
  choose: (column: string) => void;
}) {
  return (
    <label>
      {props.label}
      <select
        aria-label={props.label}
        onChange={(event) => props.choose(event.currentTarget.value)}
      >
        <For each={props.columns}>
          {(column) => (
            <option value={column} selected={column === props.chosen}>
              {title(column)}
            </option>
          )}
        </For>
      </select>
    </label>
  );
}
