// The bands around the curves of groups: how far they reach, and what they look like.

import type uPlot from "uplot";
import { runColour } from "./colours";
import type { Curve } from "./curves";
import { drawable, type Range } from "./scales";

/** How much of the colour of its curve a band has, from 0 to 1: of one alone, and of many. */
const OPACITY = { one: 0.2, many: 0.12 };
const MANY = 5;

// Pixels of a line: of runs, and of groups and of the runs that are drawn beside them.
const WIDTHS = { run: 1.5, group: 2.5, beside: 1, ofMany: 1 };
// So many runs are told apart better by thin lines, which a browser draws three times as fast.
const MANY_LINES = 30;

/** Returns the width of the line of a curve among others. */
export function lineWidth({ spread }: Curve, curves: Curve[]): number {
  if (spread) return WIDTHS.group;
  if (curves.some((other) => other.spread)) return WIDTHS.beside;
  return curves.length > MANY_LINES ? WIDTHS.ofMany : WIDTHS.run;
}

/** How much of its colour the line of a group has where some of its runs have no value. */
export const FAINT = 0.4;

/** A stretch of a curve along x. */
interface Stretch {
  from: number;
  to: number;
  /** Whether some runs of its group have no value there. */
  isFaint: boolean;
}

/** Returns the stretches of a curve, which follow each other. */
export function stretchesOf({ xs, spread }: Curve): Stretch[] {
  const found: Stretch[] = [];
  const isPart = (i: number) => !!spread && (spread.counts[i] ?? 0) < spread.runs;
  for (const [i, to] of xs.entries()) {
    const isFaint = isPart(i) || isPart(Math.max(0, i - 1));
    const last = found.at(-1);
    if (last?.isFaint === isFaint) last.to = to;
    else found.push({ from: xs[i - 1] ?? to, to, isFaint });
  }
  return found;
}

export function isFaintSomewhere(curve: Curve): boolean {
  return stretchesOf(curve).some(({ isFaint }) => isFaint);
}

/** Returns what the line of a curve is drawn with: its colour, fainter where runs are missing. */
export function lineInk(plot: uPlot, curve: Curve): string | CanvasGradient {
  const stretches = stretchesOf(curve);
  const colour = runColour(curve.runId);
  const faint = `${colour}${Math.round(255 * FAINT).toString(16)}`;
  const inkOf = ({ isFaint }: Stretch) => (isFaint ? faint : colour);
  const [first] = stretches;
  if (!first || stretches.length === 1) return first ? inkOf(first) : colour;
  const { left, width } = plot.bbox;
  const ink = plot.ctx.createLinearGradient(left, 0, left + width, 0);
  for (const stretch of stretches)
    for (const x of [stretch.from, stretch.to]) {
      const part = (plot.valToPos(x, "x", true) - left) / width;
      ink.addColorStop(Math.max(0, Math.min(1, part)), inkOf(stretch));
    }
  return ink;
}

/** A point of an edge of a band. */
type Place = [number, number];

// What a band reaches below the lines of a logarithmic axis, as a part of the least of them: a mean
// less a deviation may be next to 0.
const LEAST_PART = 0.1;

/** Returns the range that contains bands in sight, too; on a logarithmic axis as far as is sensible. */
export function withBands(
  all: Range,
  curves: Curve[],
  inSight: Range | undefined,
  log: boolean,
): Range {
  let { min, max } = all;
  for (const { xs, spread } of curves)
    for (const [i, x] of xs.entries()) {
      if (inSight && (x < inSight.min || x > inSight.max)) continue;
      const [low, high] = [spread?.low[i], spread?.high[i]];
      if (low !== undefined) min = Math.min(min, low);
      if (high !== undefined) max = Math.max(max, high);
    }
  return { min: log ? Math.max(min, LEAST_PART * all.min) : min, max };
}

/**
 * Returns the outline of the band of a curve, by the places of steps and values in a picture. What
 * has no place on a logarithmic axis is at `bottom`.
 */
export function outline(
  { xs, spread }: Curve,
  xOf: (x: number) => number,
  yOf: (y: number) => number,
  bottom: number,
): Place[] {
  const edge = (values: number[]) =>
    xs.flatMap((x, i): Place[] => {
      const [value, left] = [values[i], xOf(x)];
      if (value === undefined || Number.isNaN(value)) return [];
      const top = yOf(drawable(value));
      return [[left, Number.isFinite(top) ? top : bottom]];
    });
  return spread?.low.length ? [...edge(spread.high), ...edge(spread.low).reverse()] : [];
}

export function bandOpacity(curves: Curve[]): number {
  return curves.length < MANY ? OPACITY.one : OPACITY.many;
}

/** Draws the bands of curves, under the curves. */
export function drawBands(plot: uPlot, curves: Curve[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = bandOpacity(curves);
  for (const curve of curves) {
    const places = outline(
      curve,
      (x) => plot.valToPos(x, "x", true),
      (y) => plot.valToPos(y, "y", true),
      bbox.top + bbox.height,
    );
    ctx.fillStyle = runColour(curve.runId);
    ctx.beginPath();
    for (const [x, y] of places) ctx.lineTo(x, y);
    ctx.fill();
  }
  ctx.restore();
}
