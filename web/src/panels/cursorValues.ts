// What stands under the cursor of a chart: of each curve the point that is nearest to it.

import { type Curve, nearest } from "./curves";
import type { Cursor } from "./linePlot";

/** A point of a run that the cursor is at. */
export interface Found {
  curve: Curve;
  x: number;
  /** What was logged. */
  raw: number;
  /** What the line shows, if it is smoothed. */
  smooth: number | undefined;
  /** Of a group, how many runs it is of, and of how many, and the edges of its band. */
  spread?: { count: number; runs: number; low: number | undefined; high: number | undefined };
  /** Pixels from the cursor, up or down; infinite where that cannot be said. */
  away: number;
}

// A curve that is farther away is not what somebody points at.
const CLOSE = 30;

/** So many points are told, those that are nearest to the pointer. */
export const MOST_TOLD = 15;

/**
 * Returns the points under the cursor: those that are told, the nearest to the pointer and then the
 * greatest values, and after them the others. Without a place of the pointer, as by keys, all go by
 * their values. A curve that begins after the cursor or ended before it has none.
 */
export function valuesAt(curves: Curve[], cursor: Cursor, yOf: (value: number) => number): Found[] {
  const found = curves
    .filter((curve) => reaches(curve, cursor))
    .map((curve) => pointOf(curve, cursor, yOf))
    .sort((a, b) => b.raw - a.raw || 0);
  const first = closest(found);
  if (!first) return found;
  const near = found.toSorted((a, b) => a.away - b.away || 0).slice(0, MOST_TOLD);
  const told = new Set(near);
  const rest = (isTold: boolean) =>
    found.filter((one) => one !== first && told.has(one) === isTold);
  return [first, ...rest(true), ...rest(false)];
}

/** Returns the point that is nearest to the pointer, if it is close enough to be pointed at. */
export function pointedAt(found: Found[]): Found | undefined {
  const first = closest(found);
  return first && first.away <= CLOSE ? first : undefined;
}

/** Returns the point of one run under the cursor. */
export function pointOf(
  curve: Curve,
  { x, top }: Pick<Cursor, "x" | "top">,
  yOf: (value: number) => number,
): Found {
  const index = nearest(curve.xs, x);
  const at = curve.xs[index] ?? 0;
  const mark = curve.marks.find((one) => one.x === at);
  const infinite = mark && (mark.up ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  const raw = curve.ys[index] ?? infinite ?? Number.NaN;
  const smooth = curve.smooth?.[index] ?? undefined;
  const away = top === undefined ? Number.NaN : Math.abs(yOf(smooth ?? raw) - top);
  return {
    curve,
    x: at,
    raw,
    smooth,
    away: Number.isNaN(away) ? Number.POSITIVE_INFINITY : away,
    ...(curve.spread && {
      spread: {
        count: curve.spread.counts[index] ?? 0,
        runs: curve.spread.runs,
        low: curve.spread.low[index],
        high: curve.spread.high[index],
      },
    }),
  };
}

/** Returns whether a curve has points on both sides of the cursor, or one near to it. */
function reaches({ xs }: Curve, { x, from, to }: Cursor): boolean {
  const first = xs[0] ?? Number.POSITIVE_INFINITY;
  const last = xs.at(-1) ?? Number.NEGATIVE_INFINITY;
  const near = xs[nearest(xs, x)] ?? Number.NaN;
  return (first <= x && x <= last) || (from <= near && near <= to);
}

function closest(found: Found[]): Found | undefined {
  let best: Found | undefined;
  for (const one of found) if (one.away < (best?.away ?? Number.POSITIVE_INFINITY)) best = one;
  return best;
}
