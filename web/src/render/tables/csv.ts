// Values between commas, tabs or the like.

import Papa from "papaparse";
import { type FileSource, readText } from "../fileSource";
import { MOST_COLUMNS, type TableSource, tableOfRows } from "./source";

const MOST_BYTES = 32_000_000;
const MOST_ROWS = 2_000_000;
const MOST_CELLS = 10_000_000;
const PART = 1_000_000;
// Of a column, to see whether it has numbers.
const LOOKED_AT = 200;

export async function csvTable(file: FileSource): Promise<TableSource> {
  const [text, isWhole] = await readText(file, MOST_BYTES);
  const rows: string[][] = [];
  let cells = 0;
  let isCut = !isWhole;
  // The types know chunks of files alone.
  const config: object = {
    skipEmptyLines: true,
    chunkSize: PART,
    ...(file.name.toLowerCase().endsWith(".tsv") && { delimiter: "\t" }),
    chunk: ({ data }: Papa.ParseResult<string[]>, parser: Papa.Parser) => {
      for (const row of data) {
        rows.push(row.length > MOST_COLUMNS ? row.slice(0, MOST_COLUMNS) : row);
        cells += row.length;
      }
      file.step();
      if (rows.length <= MOST_ROWS && cells <= MOST_CELLS) return;
      isCut = true;
      parser.abort();
    },
  };
  Papa.parse(text, config);
  if (!isWhole) rows.pop(); // its end may be cut off
  const [names = [], ...found] = rows;
  const columns = names.map((name, i) => ({ name, type: "", isNumber: isNumeric(found, i) }));
  return tableOfRows(columns, found, isCut ? "These are the first rows of the file" : undefined);
}

function isNumeric(rows: string[][], column: number): boolean {
  const texts = rows.slice(0, LOOKED_AT).map((row) => row[column] ?? "");
  const some = texts.filter((text) => text !== "");
  return (
    some.length > 0 && some.every((text) => !Number.isNaN(Number(text)) || /^nan$/i.test(text))
  );
}
