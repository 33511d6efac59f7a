// Conditions of the search grammar on what a run has in a column.

import { type Column, searchKey } from "./columns";

const NUMBER = /^[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|nan|inf(inity)?)$/i;

/** Returns the condition that a run has this value, as a cell shows it; nothing of times. */
export function conditionOf(column: Column, value: string | number | null): string | undefined {
  if (["start_time", "end_time", "duration", "deleted_by"].includes(column)) return undefined;
  const key = searchKey(column);
  return value === null ? `${key} IS NULL` : `${key} = ${literal(column, value)}`;
}

/** Returns a value of a key as a filter has it: numbers of params and tags are numbers. */
export function literal(key: string, value: string | number): string {
  if (typeof value === "number") return String(value).replace("Infinity", "inf");
  if (/^(params|tags)\./.test(key) && NUMBER.test(value)) return value;
  return `'${value.replaceAll("'", "''")}'`;
}

/** Returns the address of the runs of an experiment that have this value. */
export function runsWith(experimentId: string, column: Column, value: string): string {
  const filter = conditionOf(column, value) ?? "";
  return `/experiments/${experimentId}?${new URLSearchParams({ filter, flat: "1" })}`;
}
