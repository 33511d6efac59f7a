// The values of all runs under the cursor of a chart, the greatest first.

import { For, Show } from "solid-js";
import type { Run } from "../api/runs";
import { number } from "../parts/format";
import { xText } from "./axes";
import { runColour } from "./colours";
import { type Curve, nearest, type Settings } from "./curves";
import type { Cursor } from "./linePlot";

/** A point of a run that the cursor is at. */
interface Found {
  id: string;
  name: string;
  x: number;
  y: number;
}

export function ValuesAtCursor(props: {
  at: Cursor;
  curves: Curve[];
  runs: Run[];
  settings: Settings;
}) {
  const found = () =>
    props.curves
      .filter((curve) => reaches(curve, props.at))
      .map((curve): Found => {
        const index = nearest(curve.xs, props.at.x);
        const x = curve.xs[index] ?? 0;
        const mark = curve.marks.find((one) => one.x === x);
        const infinite = mark && (mark.up ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
        return {
          id: curve.runId,
          name: props.runs.find((run) => run.id === curve.runId)?.name ?? "",
          x,
          y: curve.ys[index] ?? infinite ?? Number.NaN,
        };
      })
      .sort((a, b) => b.y - a.y || 0);
  // The point that is nearest to the cursor; others say where theirs are.
  const x = () => {
    const xs = found().map((one) => one.x);
    const distance = (one: number) => Math.abs(one - props.at.x);
    return xs.reduce((best, one) => (distance(one) < distance(best) ? one : best), xs[0] ?? 0);
  };
  const text = (one: number) => xText(one, props.settings.axis);
  return (
    <Show when={found().length}>
      <div
        class="values"
        role="status"
        classList={{ many: found().length > 15 }}
        style={{ left: `${props.at.left + 80}px` }}
      >
        <div class="at">{text(x())}</div>
        <For each={found()}>
          {(one) => (
            <div class="value">
              <span class="swatch" style={{ background: runColour(one.id) }} />
              <span class="title">{one.name}</span>
              <Show when={text(one.x) !== text(x())}>
                <span class="hint">{text(one.x)}</span>
              </Show>
              <b>{number(one.y)}</b>
            </div>
          )}
        </For>
      </div>
    </Show>
  );
}

/** Returns whether a curve has points on both sides of the cursor, or one near to it. */
function reaches({ xs }: Curve, { x, from, to }: Cursor): boolean {
  const first = xs[0] ?? Number.POSITIVE_INFINITY;
  const last = xs.at(-1) ?? Number.NEGATIVE_INFINITY;
  const near = xs[nearest(xs, x)] ?? Number.NaN;
  return (first <= x && x <= last) || (from <= near && near <= to);
}
