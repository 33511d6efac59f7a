// Which rows of a table are shown, and in which order.

import type { RowsWanted, TableFilter } from "../fileQuestions";
import type { FileSource } from "../fileSource";
import { cellText, type TableSource } from "./source";

/** Returns the indices of the rows that are wanted, in their order. */
export async function orderOf(
  table: TableSource,
  { sort, filter }: RowsWanted,
  file: FileSource,
): Promise<Uint32Array> {
  let found = filter ? await filtered(table, filter, file) : allRows(table.total);
  if (sort) {
    const values = await table.column(sort.column);
    file.step();
    found = sorted(found, values, sort.descending);
  }
  file.step();
  return found;
}

function allRows(total: number): Uint32Array {
  const rows = new Uint32Array(total);
  for (let i = 0; i < total; i++) rows[i] = i;
  return rows;
}

async function filtered(
  table: TableSource,
  { column, text }: TableFilter,
  file: FileSource,
): Promise<Uint32Array> {
  const columns = column === null ? table.columns.map((_, i) => i) : [column];
  const matches = condition(text);
  const hits = new Uint8Array(table.total);
  for (const index of columns) {
    const values = await table.column(index);
    for (let i = 0; i < table.total; i++) if (!hits[i] && matches(values[i])) hits[i] = 1;
    file.step();
  }
  return allRows(table.total).filter((i) => hits[i]);
}

/** `> 0.5`, `!= 3` compare numbers; anything else is a text that the cell contains. */
function condition(text: string): (value: unknown) => boolean {
  const [, operator, digits] = /^\s*(<=|>=|!=|<|>|=)\s*(\S+)\s*$/.exec(text) ?? [];
  const limit = Number(digits);
  if (operator && !Number.isNaN(limit)) {
    const compare: Record<string, (value: number) => boolean> = {
      "<": (value) => value < limit,
      "<=": (value) => value <= limit,
      ">": (value) => value > limit,
      ">=": (value) => value >= limit,
      "=": (value) => value === limit,
      "!=": (value) => value !== limit,
    };
    const holds = compare[operator] ?? (() => false);
    return (value) => {
      const number = numberOf(value);
      return !Number.isNaN(number) && holds(number);
    };
  }
  const wanted = text.toLowerCase();
  return (value) => cellText(value).toLowerCase().includes(wanted);
}

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (value instanceof Date) return value.getTime();
  if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
  return typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
}

/** Numbers come before texts, and what is missing last, whichever way round. */
function sorted(rows: Uint32Array, values: ArrayLike<unknown>, descending: boolean): Uint32Array {
  const numbers = new Float64Array(values.length);
  const texts: string[] = [];
  for (const row of rows) {
    const number = numberOf(values[row]);
    numbers[row] = number;
    if (Number.isNaN(number)) texts[row] = cellText(values[row]);
  }
  const side = descending ? -1 : 1;
  const rank = (row: number) => (Number.isNaN(numbers[row]) ? (texts[row] ? 1 : 2) : 0);
  return rows.slice().sort((a, b) => {
    const order = rank(a) - rank(b);
    if (order) return order;
    const difference = (numbers[a] ?? 0) - (numbers[b] ?? 0);
    if (difference) return side * difference;
    const [first = "", second = ""] = [texts[a], texts[b]];
    return first === second ? a - b : first < second ? -side : side;
  });
}
