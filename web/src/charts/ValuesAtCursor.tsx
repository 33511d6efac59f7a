// The values of all runs under the cursor of a chart, the greatest first.

import { For } from "solid-js";
import type { Run } from "../api/runs";
import { number } from "../parts/format";
import { runColour } from "./colours";
import { type Curve, nearest, type Settings } from "./curves";
import { xText } from "./linePlot";

export function ValuesAtCursor(props: {
  at: { x: number; left: number };
  curves: Curve[];
  runs: Run[];
  settings: Settings;
}) {
  const found = () =>
    props.curves
      .map((curve) => {
        const index = nearest(curve.xs, props.at.x);
        const mark = curve.marks.find(({ x }) => x === curve.xs[index]);
        const infinite = mark && (mark.up ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
        return {
          id: curve.runId,
          name: props.runs.find((run) => run.id === curve.runId)?.name ?? "",
          y: curve.ys[index] ?? infinite ?? Number.NaN,
        };
      })
      .sort((a, b) => b.y - a.y || 0);
  return (
    <div
      class="values"
      role="status"
      classList={{ many: props.curves.length > 15 }}
      style={{ left: `${props.at.left + 80}px` }}
    >
      <div class="at">{xText(props.at.x, props.settings.axis)}</div>
      <For each={found()}>
        {(one) => (
          <div class="value">
            <span class="swatch" style={{ background: runColour(one.id) }} />
            <span class="title">{one.name}</span>
            <b>{number(one.y)}</b>
          </div>
        )}
      </For>
    </div>
  );
}
