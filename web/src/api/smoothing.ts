// How histories are smoothed: by the server over all points, and on by those that come later.

export type SmoothingKind = "exponential" | "time" | "gaussian" | "mean" | "min" | "max";

/** A kind of smoothing, and how much, in the unit of the kind; nothing for the best so far. */
export interface Smoothing {
  kind: SmoothingKind;
  amount: number;
}

const NAMES: Record<SmoothingKind, string> = {
  exponential: "SMOOTHING_EXPONENTIAL",
  time: "SMOOTHING_TIME_WEIGHTED",
  gaussian: "SMOOTHING_GAUSSIAN",
  mean: "SMOOTHING_RUNNING_MEAN",
  min: "SMOOTHING_MINIMUM",
  max: "SMOOTHING_MAXIMUM",
};

/** Puts how to smooth into the query of a read. */
export function addSmoothing(query: URLSearchParams, smoothing: Smoothing): void {
  query.set("smoothing", NAMES[smoothing.kind]);
  if (smoothing.amount) query.set("smoothing_amount", String(smoothing.amount));
}

/**
 * A smoothed line: a value beside each point, NaN beside what is no finite number, and how much the
 * last one weighs, in points, if it is an exponential average.
 */
export interface SmoothedLine {
  smoothing: Smoothing;
  values: number[];
  weight: number;
}

/**
 * Puts the smoothed value of a point beside it, which stands at an index of a history. Behind all
 * others it extends the line: exactly, if the smoothing looks back alone; a centred one goes on as
 * an average of the same weight until the next read. Before others it takes what is there already.
 */
export function insertSmoothed(line: SmoothedLine, steps: number[], at: number, value: number) {
  let before = at - 1;
  while (before >= 0 && Number.isNaN(line.values[before] ?? Number.NaN)) before -= 1;
  const last = line.values[before] ?? value;
  const isLast = at === line.values.length;
  if (!Number.isFinite(value)) line.values.splice(at, 0, Number.NaN);
  else if (!isLast) line.values.splice(at, 0, last);
  else line.values.push(extended(line, (steps[at] ?? 0) - (steps[before] ?? 0), last, value));
}

function extended(line: SmoothedLine, distance: number, last: number, value: number): number {
  const { kind } = line.smoothing;
  if (kind === "min") return Math.min(last, value);
  if (kind === "max") return Math.max(last, value);
  const kept = left(line, distance) * line.weight;
  line.weight = kept + 1;
  // Halves, because the sum of two of the largest doubles is infinite.
  return 2 * ((last / 2) * (kept / line.weight) + value / 2 / line.weight);
}

/** Returns the share of the weight of a line that is left at a point so many steps later. */
function left(line: SmoothedLine, distance: number): number {
  const { kind, amount } = line.smoothing;
  if (kind === "exponential") return amount;
  if (kind === "time") return 0.5 ** (distance / amount);
  // Half of the window, or of the bell, which is what the last value was made of.
  const weight =
    kind === "mean" ? Math.floor(amount / 2) + 1 : amount * Math.sqrt(Math.PI / 2) + 0.5;
  line.weight ||= weight;
  return 1 - 1 / Math.max(1, weight);
}
