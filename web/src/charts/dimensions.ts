// Columns of the table as axes: of numbers, or of names where one value is no number.

import { scaleLinear, scalePoint } from "d3-scale";
import type { Run } from "../api/runs";
import { number } from "../parts/format";
import { type Column, title, value } from "../runs/columns";

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
  if (values.every((one) => one !== "" && !Number.isNaN(Number(one)))) {
    const numbers = values.map(Number).filter(Number.isFinite);
    const scale = scaleLinear(extent(numbers), [from, to]).nice(TICKS);
    const text = scale.tickFormat(TICKS, "~g");
    return {
      ...base,
      place: (run) => {
        const found = value(run, column);
        const asNumber = found === null || found === "" ? Number.NaN : Number(found);
        return Number.isFinite(asNumber) ? scale(asNumber) : undefined;
      },
      ticks: scale.ticks(TICKS).map((tick) => ({ at: scale(tick), text: text(tick) })),
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

function extent(numbers: number[]): [number, number] {
  if (!numbers.length) return [0, 1];
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const greatest = numbers.reduce((a, b) => Math.max(a, b));
  return least === greatest ? [least - 1, greatest + 1] : [least, greatest];
}

/** Returns a colour between blue and red for a place between two ends, for light and dark ground. */
export function heat(place: number, from: number, to: number): string {
  const part = to === from ? 0.5 : (place - from) / (to - from);
  return `hsl(${Math.round(220 + 140 * part)} 70% 55%)`;
}
