// Columns of the table as axes: of numbers, or of names where one value is no number.

import { scaleLinear, scalePoint } from "d3-scale";
import type { Run } from "../api/runs";
import { number } from "../parts/format";
import { numberOf } from "../parts/numeric";
import { type Column, title, value } from "../runs/columns";
import { drawable, type Range, ticks, widened } from "./scales";

/** An axis over a length: where a run stands on it, and what is written beside it. */
export interface Dimension {
  column: Column;
  title: string;
  /** Undefined for a run that has no such value, or one that has no place. */
  place: (run: Run) => number | undefined;
  ticks: { at: number; text: string }[];
  /** Returns what stands at a place. */
  textAt: (place: number) => string;
}

const TICKS = 6;
const NAMES = 20;

/** Returns the axis of a column for runs, from `from` to `to`. */
export function dimension(column: Column, runs: Run[], from: number, to: number): Dimension {
  const values = runs.flatMap((run) => value(run, column) ?? []);
  const base = { column, title: title(column) };
  if (values.every((one) => numberOf(one) !== undefined)) {
    const numbers = values.map((one) => numberOf(one) ?? Number.NaN).filter(Number.isFinite);
    const range = extent(numbers);
    const scale = scaleLinear([range.min, range.max], [from, to]);
    const rounded = canBeRounded(range);
    if (rounded) scale.nice(TICKS);
    const text = rounded ? scale.tickFormat(TICKS, "~g") : number;
    const marks = rounded ? scale.ticks(TICKS) : ticks(range, TICKS);
    return {
      ...base,
      place: (run) => {
        const found = numberOf(value(run, column) ?? "");
        return Number.isFinite(found) ? scale(drawable(found ?? 0)) : undefined;
      },
      ticks: marks.map((tick) => ({ at: scale(tick), text: text(tick) })),
      textAt: (place) => number(scale.invert(place)),
    };
  }
  const names = [...new Set(values.map(String))].sort();
  const scale = scalePoint(names, [from, to]).padding(0.5);
  const every = Math.ceil(names.length / NAMES);
  return {
    ...base,
    place: (run) => scale(String(value(run, column) ?? "")),
    ticks: names
      .filter((_, i) => i % every === 0)
      .map((name) => ({
        at: scale(name) ?? 0,
        text: name.length > 18 ? `${name.slice(0, 17)}…` : name,
      })),
    textAt: (place) => {
      const away = (name: string) => Math.abs((scale(name) ?? 0) - place);
      return names.reduce((a, b) => (away(b) < away(a) ? b : a), names[0] ?? "");
    },
  };
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

/** Returns a colour between blue and red for a place between two ends, for light and dark ground. */
export function heat(place: number, from: number, to: number): string {
  const part = to === from ? 0.5 : (place - from) / (to - from);
  return `hsl(${Math.round(220 + 140 * part)} 70% 55%)`;
}
