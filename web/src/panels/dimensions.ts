// Columns of the table as axes: of numbers, or of names where one value is no number.

import { scaleLinear, scaleLog, scalePoint } from "d3-scale";
import type { Run } from "../api/runs";
import { duration, quantities, unitOf } from "../parts/format";
import { numberOf } from "../parts/numeric";
import { type Column, numberText, parts, title, value } from "../runs/columns";
import { drawable, logarithmic, logTicks, type Range, ticks, widened } from "./scales";
import { timeTicks } from "./timeTicks";

/** An axis over a length: where a run stands on it, and what is written beside it. */
export interface Dimension {
  column: Column;
  title: string;
  /** Undefined for a run that has no such value, or one that has no place. */
  place: (run: Run) => number | undefined;
  ticks: { at: number; text: string }[];
  /** Returns what stands at a place. */
  textAt: (place: number) => string;
  /** Returns a place as a text that means the same when there are other runs, and back. */
  toText: (place: number) => string;
  fromText: (text: string) => number;
}

const TICKS = 6;
const NAMES = 20;

/** Returns the axis of a column for runs, from `from` to `to`. */
export function dimension(
  column: Column,
  runs: Run[],
  from: number,
  to: number,
  log = false,
): Dimension {
  const values = runs.flatMap((run) => value(run, column) ?? []);
  if (!values.every((one) => numberOf(one) !== undefined)) return ofNames(column, values, from, to);
  const numbers = values.map((one) => numberOf(one) ?? Number.NaN).filter(Number.isFinite);
  return ofNumbers(column, numbers, from, to, log);
}

/** Returns an axis on which names stand, in their order. */
function ofNames(column: Column, values: (string | number)[], from: number, to: number): Dimension {
  const names = [...new Set(values.map(String))].sort();
  const scale = scalePoint(names, [from, to]).padding(0.5);
  const every = Math.ceil(names.length / NAMES);
  const nameAt = (place: number) => {
    const away = (name: string) => Math.abs((scale(name) ?? 0) - place);
    return names.reduce((a, b) => (away(b) < away(a) ? b : a), names[0] ?? "");
  };
  return {
    column,
    title: title(column),
    place: (run) => scale(String(value(run, column) ?? "")),
    ticks: names
      .filter((_, i) => i % every === 0)
      .map((name) => ({
        at: scale(name) ?? 0,
        text: name.length > 18 ? `${name.slice(0, 17)}…` : name,
      })),
    textAt: nameAt,
    toText: (place) => ((place - from) / (to - from)).toFixed(3),
    fromText: (text) => from + Number(text) * (to - from),
  };
}

/** Returns an axis of numbers; a logarithmic one has no place for those that are not positive. */
export function ofNumbers(
  column: Column,
  numbers: number[],
  from: number,
  to: number,
  log: boolean,
): Dimension {
  const positive = log ? numbers.filter((one) => one > 0) : numbers;
  const isLog = log && positive.length > 0;
  const whole = extent(positive);
  const range = isLog ? logarithmic(whole.min, whole.max, 0.05) : whole;
  const rounded = !isLog && canBeRounded(range);
  const isTime = column === "start_time" || column === "end_time";
  const make = isLog ? scaleLog : scaleLinear;
  const scale = make([range.min, range.max], [from, to]);
  if (rounded && !isTime) (scale as ReturnType<typeof scaleLinear>).nice(TICKS);
  const [min = 0, max = 1] = scale.domain();
  const marks = isTime
    ? timeTicks(min, max, Math.abs(to - from))
    : marksOf({ min, max }, isLog, column);
  return {
    column,
    title: title(column),
    place: (run) => {
      const found = numberOf(value(run, column) ?? "");
      if (found === undefined || !Number.isFinite(found) || (isLog && found <= 0)) return undefined;
      return scale(drawable(found));
    },
    ticks: marks.map((mark) => ({ at: scale(mark.value), text: mark.text })),
    textAt: (place) => numberText(column, scale.invert(place)),
    toText: (place) => String(scale.invert(place)),
    fromText: (one) => scale(Number(one)),
  };
}

function marksOf(range: Range, isLog: boolean, column: Column) {
  const values = isLog ? logTicks(range, TICKS) : ticks(range, TICKS);
  const texts =
    column === "duration" ? values.map(duration) : quantities(values, unitOf(parts(column)[1]));
  return values.map((value, i) => ({ value, text: texts[i] ?? "" }));
}

/** Returns whether there are round numbers beside the ends of a range that are doubles. */
function canBeRounded({ min, max }: Range): boolean {
  const size = max - min;
  return size > 1e-300 && size < 1e300 && size > 1e-12 * Math.max(Math.abs(min), Math.abs(max));
}

function extent(numbers: number[]): Range {
  if (!numbers.length) return { min: 0, max: 1 };
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const greatest = numbers.reduce((a, b) => Math.max(a, b));
  return least === greatest ? widened(least - 1, greatest + 1) : widened(least, greatest);
}
