// The table that a worker has open, of whichever format.

import type { Rows, RowsWanted, TableFormat, TableHead } from "../fileQuestions";
import { FileProblem, type FileSource } from "../fileSource";
import { orderOf } from "./order";
import { cellText, type TableSource } from "./source";

// Rows of a table that is sorted or filtered, at most.
const MOST_ORDERED = 5_000_000;
// A large part of the rows of an answer is never in sight.
const MOST_ANSWERED = 1_000;

let table: TableSource | undefined;
let file: FileSource;
let order: { key: string; rows: Uint32Array } | undefined;

export async function openTable(
  source: FileSource,
  format: TableFormat,
): Promise<TableHead | undefined> {
  file = source;
  table = await read(source, format);
  order = undefined;
  if (!table) return undefined;
  const { columns, total, note } = table;
  return { format, columns, total, ...(note && { note }) };
}

async function read(source: FileSource, format: TableFormat): Promise<TableSource | undefined> {
  if (format === "csv") return (await import("./csv")).csvTable(source);
  if (format === "json") return (await import("./json")).jsonTable(source);
  if (format === "parquet") return (await import("./parquet")).parquetTable(source);
  return (await import("./arrow")).arrowTable(source);
}

export async function rowsOf(source: FileSource, wanted: RowsWanted): Promise<Rows> {
  // A worker that was ended, as one that took too long is, has left it to the next.
  if (!table) await openTable(source, wanted.format);
  if (!table) throw new FileProblem("This table cannot be read.");
  const end = Math.min(wanted.end, wanted.start + MOST_ANSWERED);
  if (!wanted.sort && !wanted.filter) {
    const rows = await table.rows(wanted.start, Math.min(end, table.total));
    return { rows: rows.map((row) => row.map(cellText)), found: table.total };
  }
  if (table.total > MOST_ORDERED) {
    throw new FileProblem("Tables of more than 5,000,000 rows are not sorted or filtered here.");
  }
  const key = JSON.stringify([wanted.sort, wanted.filter]);
  if (order?.key !== key) order = { key, rows: await orderOf(table, wanted, file) };
  const indices = [...order.rows.subarray(wanted.start, end)];
  const rows: string[][] = indices.map(() => []);
  for (let column = 0; column < table.columns.length; column++) {
    const values = await table.column(column);
    indices.forEach((index, i) => {
      rows[i]?.push(cellText(values[index]));
    });
    file.step();
  }
  return { rows, found: order.rows.length };
}
