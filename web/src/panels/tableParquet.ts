// A table of a few thousand rows as a file of Parquet.

import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import type { Rows } from "./saveTable";

/** Returns the file: columns of numbers, and of texts where a column has any; what is missing is null. */
export function tableParquet([titles = [], ...rows]: Rows): ArrayBuffer {
  const names = distinct(titles.map((title) => String(title ?? "")));
  const columnData = names.map((name, i): ColumnSource => {
    const data = rows.map((row) => row[i] ?? null);
    return data.every((value) => value === null || typeof value === "number")
      ? { name, data, type: "DOUBLE" }
      : {
          name,
          data: data.map((value) => (value === null ? null : String(value))),
          type: "STRING",
        };
  });
  return parquetWriteBuffer({ columnData });
}

/** Columns of one name cannot be read by it: those after the first get a number. */
function distinct(names: string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number++) free = `${name} ${number}`;
    taken.add(free);
    return free;
  });
}
