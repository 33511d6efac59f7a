// Columns of the table of runs. A column is named by the key of the search grammar that it shows,
// so that it can be sorted and filtered by, and stand in the address, as it is.

import type { KeysAsked, Run } from "../api/runs";
import { PARENT_TAG, SOURCE_TAG, USER_TAG } from "../api/runs";
import { duration, quantity, short, time, unitOf } from "../parts/format";
import { numberOf } from "../parts/numeric";
import { inOrderOfWeight } from "./keyMetrics";

/** `metrics.loss`, `minimum.loss`, `params.lr`, `tags.team`, `start_time`. */
export type Column = string;

export const ATTRIBUTES: Column[] = [
  "status",
  "start_time",
  "duration",
  "end_time",
  "user_id",
  "run_id",
];
export const NAME: Column = "run_name";
const SOURCE: Column = `tags.${SOURCE_TAG}`;
export const PARENT: Column = `tags.${PARENT_TAG}`;
const TITLES: Record<Column, string> = {
  run_name: "Run",
  status: "Status",
  start_time: "Started",
  end_time: "Ended",
  duration: "Duration",
  user_id: "User",
  deleted_by: "Deleted by",
  run_id: "Run id",
  [SOURCE]: "Source",
  [PARENT]: "Parent",
  "datasets.name": "Dataset",
  "datasets.digest": "Dataset digest",
  "datasets.context": "Dataset context",
};
const DEFAULT_KEYS = 8;
/** So many runs say what a column has: numbers, or anything at all. */
export const SAMPLE = 200;

/** Returns the group and the key of a column; attributes have no key. */
export function parts(column: Column): [string, string] {
  const dot = column.indexOf(".");
  return dot < 0 ? [column, ""] : [column.slice(0, dot), column.slice(dot + 1)];
}

export function title(column: Column): string {
  const [group, key] = parts(column);
  if (TITLES[column]) return TITLES[column];
  if (group === "minimum") return `${key} (min)`;
  if (group === "maximum") return `${key} (max)`;
  return key;
}

/** Returns a column as the search grammar has it. */
export function searchKey(column: Column): string {
  const [group, key] = parts(column);
  return key && !/^[\w./:-]+$/.test(key) ? `${group}."${key.replaceAll('"', '""')}"` : column;
}

/** Returns whether runs can be sorted by a column; who deleted them is no key of the grammar. */
export function isSortable(column: Column): boolean {
  return column !== "deleted_by";
}

export function isNumeric(column: Column): boolean {
  const [group] = parts(column);
  return ["metrics", "minimum", "maximum", "duration"].includes(group);
}

/** Returns the columns that have nothing but numbers, of these runs. */
export function numericColumns(columns: Column[], lines: { run: Run }[]): Set<Column> {
  const some = lines.slice(0, SAMPLE);
  const isNumbers = (column: Column) => {
    if (isNumeric(column)) return true;
    if (!/^(params|tags)\./.test(column)) return false;
    const texts = some.flatMap(({ run }) => value(run, column) ?? []);
    return texts.length > 0 && texts.every((text) => numberOf(text) !== undefined);
  };
  return new Set(columns.filter(isNumbers));
}

/** Returns what a run has in a column: null where it has nothing. */
export function value(run: Run, column: Column): string | number | null {
  const [group, key] = parts(column);
  switch (group) {
    case "metrics":
      return run.metrics.get(key)?.last ?? null;
    case "minimum":
    case "maximum":
      return run.metrics.get(key)?.[group] ?? null;
    case "params":
      return run.params.get(key) ?? null;
    case "tags":
      return run.tags.get(key) ?? null;
    case "run_name":
      return run.name;
    case "status":
      return run.status;
    case "user_id":
      return run.user || (run.tags.get(USER_TAG) ?? "");
    case "deleted_by":
      return run.deletedBy || null;
    case "run_id":
      return run.id;
    case "start_time":
      return run.start;
    case "end_time":
      return run.end;
    case "duration":
      return run.end === null ? null : run.end - run.start;
    default:
      return null;
  }
}

/** Returns what a cell shows. */
export function text(run: Run, column: Column): string {
  const found = value(run, column);
  if (found === null) return "";
  return typeof found === "number" ? numberText(column, found) : short(found);
}

/** Returns a number of a column with its unit. */
export function numberText(column: Column, found: number): string {
  if (column === "start_time" || column === "end_time") return time(found);
  return column === "duration" ? duration(found) : quantity(found, unitOf(parts(column)[1]));
}

/** Returns the keys that a search has to return for these columns. */
export function keysOf(columns: Column[]): KeysAsked {
  const keys = { metrics: new Set<string>(), params: new Set<string>(), tags: new Set<string>() };
  for (const [group, key] of columns.map(parts)) {
    if (["metrics", "minimum", "maximum"].includes(group)) keys.metrics.add(key);
    if (group === "params") keys.params.add(key);
    if (group === "tags") keys.tags.add(key);
    if (group === "user_id") keys.tags.add(USER_TAG);
  }
  return {
    metrics: [...keys.metrics],
    params: [...keys.params],
    tags: [...keys.tags],
    extremes: columns.some((column) => /^(minimum|maximum)\./.test(column)),
  };
}

/**
 * Returns the columns to begin with: the metrics that matter most, and the params that differ
 * between these runs, or all of them where none does.
 */
export function defaults(runs: Run[]): Column[] {
  const metrics = [...new Set(runs.flatMap((run) => [...run.metrics.keys()]))];
  const params = [...new Set(runs.flatMap((run) => [...run.params.keys()]))].sort();
  const differing = params.filter(
    (key) => new Set(runs.map((run) => run.params.get(key))).size > 1,
  );
  const some = (group: string, keys: string[]) =>
    keys.slice(0, DEFAULT_KEYS).map((key) => `${group}.${key}`);
  return [
    "status",
    ...(runs.some((run) => run.deletedBy) ? ["deleted_by"] : []),
    "start_time",
    "duration",
    ...(runs.some((run) => value(run, "user_id")) ? ["user_id"] : []),
    ...some("metrics", inOrderOfWeight(metrics)),
    ...some("params", differing.length ? differing : params),
  ];
}
