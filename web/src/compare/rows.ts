// What a comparison of runs has side by side.

import type { Run } from "../api/runs";
import { number, quantity, type Unit } from "../parts/format";
import { inOrderOfWeight } from "../runs/keyMetrics";

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

/** Returns a row for each metric, those first that matter most. */
export function metricRows(runs: Run[]): Row[] {
  const rows = rowsOf(
    runs,
    (run) => new Map([...run.metrics].map(([key, { last }]) => [key, `${last}`])),
  );
  const found = new Map(rows.map((row) => [row.key, row]));
  return inOrderOfWeight(found.keys()).flatMap((key) => found.get(key) ?? []);
}

/** Returns the text that more than half have, from which others are told; none, if there is none. */
export function usualOf(texts: string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].find(([, count]) => count > texts.length / 2)?.[0];
}

/** Returns the places of the best values; none if all are the same, or there are fewer than two. */
export function best(values: (number | undefined)[], less: boolean): Set<number> {
  const numbers = values.filter((value) => value !== undefined && !Number.isNaN(value));
  if (numbers.length < 2) return new Set();
  const top = numbers.reduce((a = 0, b = 0) => (less ? Math.min(a, b) : Math.max(a, b)));
  const found = values.flatMap((value, i) => (value === top ? [i] : []));
  return new Set(found.length === numbers.length ? [] : found);
}

/** Returns by how much a value is more than that of the baseline, and that in per cent. */
export function delta(value: number | undefined, baseline: number | undefined, unit: Unit): string {
  if (value === undefined || baseline === undefined) return "";
  const by = value - baseline;
  if (!Number.isFinite(by)) return "";
  const sign = (size: number) => (size > 0 ? "+" : size < 0 ? "−" : "±");
  const percent = (by / Math.abs(baseline)) * 100;
  const share = Number.isFinite(percent)
    ? ` (${sign(by)}${number(Number(Math.abs(percent).toPrecision(3)))}\u00a0%)`
    : "";
  // Per cents of per cents are told apart by having no mark.
  return `${sign(by)}${quantity(Math.abs(by), unit === "percent" ? "" : unit)}${share}`;
}
