// Parallel coordinates: each run a line from its params to its metrics.

import {
  createEffect,
  createMemo,
  createSignal,
  For,
  on,
  onCleanup,
  onMount,
  Show,
} from "solid-js";
import type { Run } from "../../api/runs";
import { ErrorNote } from "../../parts/ErrorNote";
import { count } from "../../parts/format";
import { type Column, title, value } from "../../runs/columns";
import { Drawing } from "../Drawing";
import { dimension } from "../dimensions";
import { firstAxes } from "../firstColumns";
import { heat } from "../heat";
import { PanelFrame } from "../PanelFrame";
import { Axis, type Brush, TOP } from "../ParallelAxis";
import type { KindProps } from "../panelContext";
import { fieldOf, itemsOf } from "../panelText";
import { createRunValues } from "../runValues";
import type { Rows } from "../saveTable";
import { tableActions } from "../saveTable";
import { createSight } from "../seen";
import { heightOf } from "../settings";
import { titleOf } from "../titles";

const LEAST_GAP = 64;
const MARGIN = 56;
const FOOT = 12;
const SETTLE_MS = 200;

export default function ParallelPanel(props: KindProps) {
  let root!: HTMLElement;
  let drawing!: SVGSVGElement;
  let ground!: HTMLDivElement;
  const { inSight } = createSight(() => root);
  const { context } = props;
  const [over, setOver] = createSignal<Run>();
  const [room, setRoom] = createSignal({ width: 400, height: 240 });
  onMount(() => {
    const fit = () => setRoom({ width: ground.clientWidth, height: ground.clientHeight });
    fit();
    const size = new ResizeObserver(fit);
    size.observe(ground);
    onCleanup(() => size.disconnect());
  });
  const shown = createMemo((): Column[] => {
    const chosen = itemsOf(props.fields.of);
    return chosen.length ? chosen : firstAxes(context.live.runs());
  });
  const found = createRunValues(context, shown, inSight);
  const bottom = () =>
    Math.max(TOP + 40, Math.max(room().height, heightOf(props.fields) / 2) - FOOT);
  const dimensions = createMemo(() =>
    shown().map((column) => dimension(column, found.runs(), bottom(), TOP)),
  );

  // What is chosen of the axes is told by values, so that it means the same for other runs.
  const [brushes, setBrushes] = createSignal(brushesOf(props.fields.brush));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const choose = (column: Column, brush: Brush | undefined) => {
    const one = dimensions().find((dimension) => dimension.column === column);
    const next = new Map(brushes());
    next.delete(column);
    if (brush && one) next.set(column, [one.toText(brush[0]), one.toText(brush[1])]);
    setBrushes(next);
    clearTimeout(timer);
    timer = setTimeout(() => props.set({ brush: textOf(next) || undefined }), SETTLE_MS);
  };
  createEffect(
    on(
      () => props.fields.brush,
      (text = "") => {
        if (text !== textOf(brushes())) setBrushes(brushesOf(text));
      },
      { defer: true },
    ),
  );
  onCleanup(() => clearTimeout(timer));
  const brushOf = (column: Column): Brush | undefined => {
    const texts = brushes().get(column);
    const one = dimensions().find((dimension) => dimension.column === column);
    if (!texts || !one) return undefined;
    const [from, to] = texts.map(one.fromText);
    return from === undefined || to === undefined || Number.isNaN(from + to)
      ? undefined
      : [Math.min(from, to), Math.max(from, to)];
  };

  const gaps = () => Math.max(1, shown().length - 1);
  const gap = () => Math.max(LEAST_GAP, Math.floor((room().width - 2 * MARGIN) / gaps()));
  // Titles in two rows, where there is no room in one.
  const isTight = () => gap() < 2 * MARGIN;
  const width = () => 2 * MARGIN + gaps() * gap();
  const lines = createMemo(() => {
    const chosen = dimensions().map(({ column }) => brushOf(column));
    return found.runs().flatMap((run) => {
      const places = dimensions().map(({ place }) => place(run));
      // A run without one of the values would be a line with a hole: it is left out, and counted.
      if (!places.length || places.some((place) => place === undefined)) return [];
      const fits = chosen.every((brush, i) => {
        const place = places[i] ?? 0;
        return !brush || (place >= brush[0] - 0.01 && place <= brush[1] + 0.01);
      });
      const path = places.map((y, i) => `${i ? "L" : "M"}${MARGIN + i * gap()},${y}`).join("");
      const last = places.at(-1) ?? 0;
      const colour = heat((bottom() - last) / (bottom() - TOP));
      return [{ run, path, fits, last, colour }];
    });
  });
  const fromTop = createMemo(() =>
    lines()
      .filter((line) => line.fits)
      .sort((a, b) => a.last - b.last),
  );
  const table = (): Rows => [
    ["run_id", "run_name", ...shown().map(title)],
    ...fromTop().map(({ run }) => [
      run.id,
      run.name,
      ...shown().map((column) => value(run, column)),
    ]),
  ];
  return (
    <PanelFrame
      {...props}
      ref={(element) => {
        root = element;
      }}
      title={titleOf(props.panel)}
      label={`${titleOf(props.panel)}, ${count(fromTop().length)} runs`}
      busy={found.loading()}
      hint={
        <span class="hint" role="status">
          {count(fromTop().length)} of {count(found.total() ?? found.runs().length)} runs
          {brushes().size ? " chosen" : " have all"}
        </span>
      }
      picture={() => drawing}
      actions={tableActions(() => titleOf(props.panel), table)}
    >
      <Show when={found.error()}>
        {(error) => <ErrorNote error={error()} again={found.again} />}
      </Show>
      <div class="plot" ref={ground}>
        <Drawing
          label={`Runs of ${titleOf(props.panel)}`}
          runs={fromTop().map(({ run }) => run)}
          columns={shown()}
          over={over()}
          setOver={setOver}
          choose={context.choose}
        >
          <svg
            ref={drawing}
            role="group"
            aria-label={titleOf(props.panel)}
            width={width()}
            height={bottom() + FOOT}
            viewBox={`0 0 ${width()} ${bottom() + FOOT}`}
          >
            <For each={lines()}>
              {(line) => (
                <path
                  class="line"
                  classList={{
                    out: !line.fits,
                    over: over()?.id === line.run.id || context.selected().has(line.run.id),
                  }}
                  d={line.path}
                  stroke={line.colour}
                  onMouseEnter={() => setOver(line.run)}
                  onMouseLeave={() => setOver(undefined)}
                  onClick={() => context.choose(line.run.id)}
                />
              )}
            </For>
            <For each={dimensions()}>
              {(one, i) => (
                <Axis
                  dimension={one}
                  bottom={bottom()}
                  x={MARGIN + i() * gap()}
                  gap={gap()}
                  isRaised={isTight() && i() % 2 === 1}
                  isScale={i() === gaps() && shown().length > 1}
                  brush={brushOf(one.column)}
                  choose={(brush) => choose(one.column, brush)}
                />
              )}
            </For>
          </svg>
        </Drawing>
        <Show when={!shown().length}>
          <p class="empty">Edit it to choose params and metrics as axes.</p>
        </Show>
      </div>
    </PanelFrame>
  );
}

type Brushes = Map<Column, [string, string]>;

function textOf(brushes: Brushes): string {
  return fieldOf([...brushes].map(([column, [from, to]]) => `${column}:${from}:${to}`));
}

function brushesOf(text: string | undefined): Brushes {
  return new Map(
    itemsOf(text).flatMap((item): [Column, [string, string]][] => {
      const [, column, from, to] = /^(.*):([^:]+):([^:]+)$/s.exec(item) ?? [];
      return column && from && to ? [[column, [from, to]]] : [];
    }),
  );
}
