// A table of which a worker reads rows and columns.

import type { TableColumn } from "../fileQuestions";

export interface TableSource {
  columns: TableColumn[];
  total: number;
  note?: string;
  /** Returns the cells of rows from `start` to before `end`. */
  rows(start: number, end: number): Promise<unknown[][]>;
  /** Returns all cells of a column, which is kept: it is asked for again and again. */
  column(index: number): Promise<ArrayLike<unknown>>;
}

/** Columns of a table at most; those after them are left out. */
export const MOST_COLUMNS = 200;
const MOST_CHARACTERS = 1_000;

/** Returns the text of a cell. */
export function cellText(value: unknown): string {
  const text = typeof value === "string" ? value : plain(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "" : value.toISOString().replace(/\.000Z$|Z$/, "");
  }
  if (typeof value !== "object") return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const list = ArrayBuffer.isView(value) ? Array.from(value as unknown as number[]) : value;
  try {
    return (
      JSON.stringify(list, (_, part) => (typeof part === "bigint" ? String(part) : part)) ?? ""
    );
  } catch {
    return "…";
  }
}

/** Returns a table that is in memory, row by row. */
export function tableOfRows(
  columns: TableColumn[],
  rows: readonly (readonly unknown[])[],
  note?: string,
): TableSource {
  const kept = columns.slice(0, MOST_COLUMNS);
  return {
    columns: kept,
    total: rows.length,
    ...(note && { note }),
    rows: async (start, end) => rows.slice(start, end).map((row) => row.slice(0, kept.length)),
    column: async (index) => rows.map((row) => row[index]),
  };
}
