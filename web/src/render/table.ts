// The first rows of a CSV file.

import Papa from "papaparse";
import type { Made } from "./render";

const MOST_ROWS = 501; // with the names of the columns
const MOST_CELLS = 20_000;
const MOST_COLUMNS = 200;
const MOST_CHARACTERS = 1_000;

/** Returns the rows that are shown of a CSV file, and how many it has. */
export function table(text: string): Made {
  const { data } = Papa.parse<string[]>(text, { skipEmptyLines: true });
  const columns = Math.min(MOST_COLUMNS, data[0]?.length ?? 0);
  const rows = data
    .slice(0, Math.min(MOST_ROWS, Math.ceil(MOST_CELLS / Math.max(1, columns))))
    .map((row) => row.slice(0, MOST_COLUMNS).map(cut));
  return { rows, total: data.length };
}

function cut(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
