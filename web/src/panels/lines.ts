// The lines of curves, as uPlot draws them all and as what comes to their ends is drawn.

import type uPlot from "uplot";
import { lineWidth } from "./bands";
import { metricDash, runColour, runDash } from "./colours";
import { aligned, type Curve, isolated } from "./curves";
import { drawable } from "./scales";

// Of the points that were logged beside a smoothed line: how much of its colour they have.
const FAINT = "40";

/** A line: a curve has one, or two where it is smoothed. */
export interface Line {
  curve: Curve;
  xs: number[];
  ys: (number | null)[];
  stroke: string;
  width: number;
  dash: number[];
}

/** Returns the lines of curves, in their order. */
export function linesOf(curves: Curve[]): Line[] {
  return curves.flatMap((curve) => {
    const { runId, place, xs, ys, smooth } = curve;
    const stroke = runColour(runId);
    const dash = place ? metricDash(place) : runDash(runId);
    if (!smooth) return [{ curve, xs, ys, stroke, width: lineWidth(curve, curves), dash }];
    return [
      { curve, xs, ys, stroke: stroke + FAINT, width: 1, dash },
      { curve, xs, ys: smooth, stroke, width: 2, dash },
    ];
  });
}

/** Returns the columns that uPlot draws, and of each the points that stand alone. */
export function dataOf(lines: Line[]): { data: uPlot.AlignedData; lone: number[][] } {
  const drawn = lines.map(({ xs, ys }) => ({ xs, ys: ys.map((y) => y && drawable(y)) }));
  const [xs, ...ys] = aligned(drawn);
  // A line without gaps touches all its points.
  const lone = ys.map((column, i) => {
    const own = drawn[i]?.ys ?? [];
    return own.length > 1 && !own.includes(null) ? [] : isolated(column);
  });
  // Curves grow, and what uPlot has does not.
  return { data: [[...(xs ?? [])], ...ys] as uPlot.AlignedData, lone };
}
