// Parallel coordinates: each run a line from its params to its metrics.

import { useNavigate } from "@solidjs/router";
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import type { Run } from "../api/runs";
import { useList } from "../parts/address";
import { count } from "../parts/format";
import { csv, saveFile } from "../parts/saveFile";
import { type Column, parts, title, value } from "../runs/columns";
import type { RunList } from "../runs/runList";
import { address, Drawing } from "./Drawing";
import { dimension, heat } from "./dimensions";
import { Axis, BOTTOM, type Brush, HEIGHT, TOP } from "./ParallelAxis";
import { saveDrawingImage } from "./saveImage";
import "../style/chart.css";

const MOST = 1_000;
const LEAST_GAP = 130;
const MARGIN = 70;
export default function ParallelCoordinates(props: { list: RunList; selected: Set<string> }) {
  const navigate = useNavigate();
  const [axes, setAxes] = useList("axes");
  const [brushes, setBrushes] = createSignal(new Map<Column, Brush>());
  const [over, setOver] = createSignal<Run>();
  let drawing!: SVGSVGElement;
  let ground!: HTMLDivElement;
  const [room, setRoom] = createSignal(0);
  onMount(() => {
    const size = new ResizeObserver(() => setRoom(ground.clientWidth));
    size.observe(ground);
    onCleanup(() => size.disconnect());
  });
  createEffect(() => props.list.need(0, MOST - 1));
  const possible = createMemo(() => props.list.columns().filter((column) => parts(column)[1]));
  const shown = createMemo(() => {
    if (axes().length) return axes().filter((column) => possible().includes(column));
    const first = (group: string, most: number) =>
      possible()
        .filter((column) => parts(column)[0] === group)
        .slice(0, most);
    return [...first("params", 4), ...first("metrics", 2)];
  });
  const runs = createMemo(() => {
    const all = props.list
      .lines()
      .map((line) => line.run)
      .slice(0, MOST);
    const some = all.filter((run) => props.selected.has(run.id));
    return some.length ? some : all;
  });
  const dimensions = createMemo(() =>
    shown().map((column) => dimension(column, runs(), BOTTOM, TOP)),
  );
  const gaps = () => Math.max(1, shown().length - 1);
  const gap = () => Math.max(LEAST_GAP, Math.floor((room() - 2 * MARGIN) / gaps()));
  const width = () => 2 * MARGIN + gaps() * gap();
  const lines = createMemo(() =>
    runs().flatMap((run) => {
      const places = dimensions().map(({ place }) => place(run));
      // A run without one of the values would be a line with a hole: it is left out, and counted.
      if (!places.length || places.some((place) => place === undefined)) return [];
      const fits = dimensions().every(({ column }, i) => {
        const brush = brushes().get(column);
        return !brush || ((places[i] ?? 0) >= brush[0] && (places[i] ?? 0) <= brush[1]);
      });
      const path = places.map((y, i) => `${i ? "L" : "M"}${MARGIN + i * gap()},${y}`).join("");
      const last = places.at(-1) ?? 0;
      return [{ run, path, fits, last, colour: heat(last, BOTTOM, TOP) }];
    }),
  );
  const fromTop = createMemo(() =>
    lines()
      .filter((line) => line.fits)
      .sort((a, b) => a.last - b.last),
  );
  const show = (column: Column, on: boolean) =>
    setAxes(on ? [...shown(), column] : shown().filter((other) => other !== column));
  const choose = (column: Column, brush: Brush | undefined) =>
    setBrushes((all) => {
      const next = new Map(all);
      if (brush) next.set(column, brush);
      else next.delete(column);
      return next;
    });
  const saveData = () =>
    saveFile(
      "parallel.csv",
      csv([
        ["run_id", ...shown()],
        ...fromTop().map(({ run }) => [run.id, ...shown().map((column) => value(run, column))]),
      ]),
    );

  return (
    <div class="charts">
      <fieldset class="bar axes">
        <legend>Axes, of the columns of the table</legend>
        <For each={possible()}>
          {(column) => (
            <label>
              <input
                type="checkbox"
                checked={shown().includes(column)}
                onChange={(event) => show(column, event.currentTarget.checked)}
              />
              {title(column)}
            </label>
          )}
        </For>
      </fieldset>
      <div class="bar">
        <span role="status">
          {count(fromTop().length)} of {count(props.list.total() ?? runs().length)} runs; drag along
          an axis to choose, click it for all
        </span>
        <button type="button" onClick={() => saveDrawingImage(drawing, "parallel")}>
          SVG
        </button>
        <button type="button" disabled={!fromTop().length} onClick={saveData}>
          CSV
        </button>
      </div>
      <div ref={ground}>
        <Drawing
          label="Runs of the parallel coordinates"
          runs={fromTop().map(({ run }) => run)}
          columns={shown()}
          over={over()}
          setOver={setOver}
        >
          <svg
            ref={drawing}
            role="group"
            aria-label="Parallel coordinates"
            width={width()}
            height={HEIGHT}
          >
            <For each={lines()}>
              {(line) => (
                <path
                  class="line"
                  classList={{ out: !line.fits, over: over()?.id === line.run.id }}
                  d={line.path}
                  stroke={line.colour}
                  onMouseEnter={() => setOver(line.run)}
                  onMouseLeave={() => setOver(undefined)}
                  onClick={() => navigate(address(line.run))}
                />
              )}
            </For>
            <For each={dimensions()}>
              {(one, i) => (
                <Axis
                  dimension={one}
                  x={MARGIN + i() * gap()}
                  brush={brushes().get(one.column)}
                  choose={(brush) => choose(one.column, brush)}
                />
              )}
            </For>
          </svg>
        </Drawing>
      </div>
      <Show when={!dimensions().length}>
        <p class="empty">
          Choose params and metrics as axes; more come with the columns of the table.
        </p>
      </Show>
    </div>
  );
}
