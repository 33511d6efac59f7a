// From the histories of runs to what a chart draws.

import type { History } from "../api/history";
import type { Smoothing } from "../api/smoothing";
import { type Unit, unitOf } from "../parts/format";

/** The last moment that a date of JavaScript can be, in seconds since the epoch. */
export const LAST_DATE = 8.64e12;

export type Axis = "step" | "time" | "relative";

/** How charts are drawn. */
export interface Settings {
  axis: Axis;
  logX: boolean;
  logY: boolean;
  smoothing: Smoothing | undefined;
  /** The metric whose values are x, in place of the axis. */
  xMetric?: string | undefined;
  /** What is in sight of y; what is drawn decides where an end is missing. */
  yMin?: number | undefined;
  yMax?: number | undefined;
  /** Whether y need not reach the least and the greatest hundredth of what is drawn. */
  withoutOutliers?: boolean;
}

/** Values that have no place on the axis: infinities. */
interface Mark {
  x: number;
  up: boolean;
}

/** Of a group, at each x: how many runs it is of, and the edges of its band; none without a band. */
interface Spread {
  /** How many of its runs have logged the metric. */
  runs: number;
  counts: number[];
  low: number[];
  high: number[];
}

/**
 * The curve of a run or a group, by x. `ys` has null where the line has a gap: at NaN, at infinities, and on
 * a logarithmic axis at what is not positive, of which there are `hidden`.
 */
export interface Curve {
  /** The run, or the group, whose curve has a spread. */
  runId: string;
  /** Which of several metrics of a panel it is; the first has 0. */
  place: number;
  /** The metric or expression. */
  name: string;
  xs: number[];
  ys: (number | null)[];
  smooth: (number | null)[] | undefined;
  marks: Mark[];
  hidden: number;
  spread?: Spread;
}

/** Returns the curve of a history; times are seconds, of a run that began at `start` ms. */
export function curve(
  history: History,
  start: number,
  settings: Settings,
  { place = 0, name = "" } = {},
): Curve {
  const found: Curve = {
    runId: history.runId,
    place,
    name,
    xs: [],
    ys: [],
    smooth: settings.smoothing && history.smoothed && [],
    marks: [],
    hidden: 0,
  };
  const xs = xsOf(history, start, settings.axis);
  for (const index of byX(xs)) append(found, history, index, xs[index] ?? 0, settings);
  return found;
}

/**
 * Takes the points of a history from an index on into its curve. Returns false, and takes none, where
 * they do not belong behind the others: the time of a run may go back.
 */
export function extend(
  found: Curve,
  history: History,
  from: number,
  start: number,
  settings: Settings,
): boolean {
  const { steps, timestamps } = history;
  const news = { ...history, steps: steps.slice(from), timestamps: timestamps.slice(from) };
  const xs = xsOf(news, start, settings.axis);
  if (!isSorted([found.xs.at(-1) ?? Number.NEGATIVE_INFINITY, ...xs])) return false;
  for (const [i, x] of xs.entries()) append(found, history, from + i, x, settings);
  return true;
}

/** Puts a point of a history behind those of its curve, if it has a place on the x axis. */
function append(
  found: Curve,
  history: History,
  index: number,
  x: number,
  settings: Settings,
): void {
  const value = history.values[index] ?? Number.NaN;
  const y = drawn(value, settings);
  if (settings.logX && x <= 0) {
    found.hidden += 1;
    return;
  }
  found.xs.push(x);
  found.ys.push(y);
  found.smooth?.push(drawn(history.smoothed?.values[index] ?? Number.NaN, settings));
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
    found.marks.push({ x, up: value > 0 });
  else if (y === null && !Number.isNaN(value)) found.hidden += 1;
}

/** Returns a value that has a place on the axis, or null. */
function drawn(value: number, settings: Settings): number | null {
  return Number.isFinite(value) && !(settings.logY && value <= 0) ? value : null;
}

/** Returns the unit of curves, if all have the same. */
export function unitOfCurves(curves: Curve[]): Unit {
  const units = new Set(curves.map(({ name }) => unitOf(name)));
  return units.size === 1 ? ([...units][0] ?? "") : "";
}

/** Returns the place of each point of a history on the x axis. */
export function xsOf(history: History, start: number, axis: Axis): number[] {
  if (axis === "step") return history.steps;
  if (axis === "time")
    return history.timestamps.map((timestamp) => Math.min(LAST_DATE, timestamp / 1000));
  return history.timestamps.map((timestamp) => (timestamp - start) / 1000);
}

/** Returns the indices of places on the x axis, in the order of the places. */
function byX(xs: number[]): Iterable<number> {
  // Of times: a run that was resumed on another machine may go back.
  if (isSorted(xs)) return xs.keys();
  return [...xs.keys()].sort((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0));
}

function isSorted(xs: number[]): boolean {
  return xs.every((x, i) => i === 0 || x >= (xs[i - 1] ?? x));
}

/**
 * Returns columns over one x for all curves: the first is x, then the values of each; `undefined`
 * where a curve has no point at an x. An x comes several times if a curve has several points there.
 */
export function aligned(columns: Column[]) {
  // Runs that are logged alike have the same steps.
  const distinct: number[][] = [];
  for (const { xs } of columns) if (!distinct.some((one) => isSame(one, xs))) distinct.push(xs);
  const xs = merged(distinct);
  return [xs, ...columns.map((column) => placed(column, xs))] as const;
}

/** Values by x. */
interface Column {
  xs: number[];
  ys: (number | null)[];
}

function isSame(a: number[], b: number[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** Returns all that sorted lists have, in order; what comes several times in one does so here. */
function merged(lists: number[][]): number[] {
  if (lists.length < 2) return lists[0] ?? [];
  const half = lists.length >> 1;
  const [a, b] = [merged(lists.slice(0, half)), merged(lists.slice(half))];
  const found: number[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const x = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    found.push(x);
    if (a[i] === x) i += 1;
    if (b[j] === x) j += 1;
  }
  return found;
}

/** Returns the values of a column at the places of its xs among more. */
function placed({ xs, ys }: Column, all: number[]): (number | null | undefined)[] {
  if (xs.length === all.length) return ys;
  const found = new Array<number | null | undefined>(all.length).fill(undefined);
  let place = 0;
  for (let i = 0; i < all.length; i++) if (all[i] === xs[place]) found[i] = ys[place++];
  return found;
}

/** Returns the places in an aligned column of points between two gaps, which no line touches. */
export function isolated(ys: readonly (number | null | undefined)[]): number[] {
  const found: number[] = [];
  let before: number | null = null;
  let candidate = -1;
  for (let i = 0; i <= ys.length; i++) {
    const y = i < ys.length ? ys[i] : null;
    if (y === undefined) continue;
    if (candidate >= 0 && y === null) found.push(candidate);
    candidate = y !== null && before === null ? i : -1;
    before = y;
  }
  return found;
}

/** Returns the index of the value that is nearest to `x`; -1 if there are none. */
export function nearest(xs: number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) < x) low = middle;
    else high = middle;
  }
  if (high < 0) return -1;
  return Math.abs((xs[low] ?? 0) - x) <= Math.abs((xs[high] ?? 0) - x) ? low : high;
}
