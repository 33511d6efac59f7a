// What a comparison of runs has side by side.

import type { Run } from "../api/runs";

/** One key, and what each run has under it; empty where it has nothing. */
export interface Row {
  key: string;
  texts: string[];
  differs: boolean;
}

/** Returns a row for each key, those that differ first. */
export function rowsOf(runs: Run[], of: (run: Run) => Map<string, string>): Row[] {
  const maps = runs.map(of);
  const keys = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
  const rows = keys.map((key) => {
    const texts = maps.map((map) => map.get(key));
    return {
      key,
      texts: texts.map((text) => text ?? ""),
      differs: texts.some((text) => text !== texts[0]),
    };
  });
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
}

/** Returns the places of the best values; none if all are the same, or there are fewer than two. */
export function best(values: (number | undefined)[], less: boolean): Set<number> {
  const numbers = values.filter((value) => value !== undefined && !Number.isNaN(value));
  if (numbers.length < 2) return new Set();
  const top = numbers.reduce((a = 0, b = 0) => (less ? Math.min(a, b) : Math.max(a, b)));
  const found = values.flatMap((value, i) => (value === top ? [i] : []));
  return new Set(found.length === numbers.length ? [] : found);
}
