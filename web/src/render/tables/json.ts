// JSON that is a table: a list of objects or lists, lines of objects, or columns of values.

import { type FileSource, objectOf, readText } from "../fileSource";
import { MOST_COLUMNS, type TableSource, tableOfRows } from "./source";

const MOST_BYTES = 32_000_000;
const MOST_ROWS = 1_000_000;

/** Returns the table that a file is; nothing if it is other JSON. */
export async function jsonTable(file: FileSource): Promise<TableSource | undefined> {
  const [text, isWhole] = await readText(file, MOST_BYTES);
  const isLines = /\.(jsonl|ndjson)$/i.test(file.name);
  if (!isWhole && !isLines) return undefined;
  const value = isLines
    ? linesOf(isWhole ? text : text.slice(0, text.lastIndexOf("\n")))
    : parsed(text);
  file.step();
  const isCut = !isWhole || (Array.isArray(value) && value.length > MOST_ROWS);
  return tableOf(value, isCut ? "These are the first rows of the file" : undefined);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function linesOf(text: string): unknown[] | undefined {
  const found: unknown[] = [];
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    const value = parsed(line);
    if (value === undefined) return undefined;
    found.push(value);
  }
  return found;
}

function tableOf(value: unknown, note: string | undefined): TableSource | undefined {
  if (Array.isArray(value)) return ofList(value.slice(0, MOST_ROWS), note);
  const found = objectOf(value);
  if (!found) return undefined;
  const { columns, data } = found;
  if (isTexts(columns) && isLists(data)) return ofLists(columns, data, note);
  return ofColumns(found, note);
}

function ofList(list: unknown[], note: string | undefined): TableSource | undefined {
  if (!list.length) return undefined;
  if (isLists(list)) {
    const width = list.reduce((most, row) => Math.max(most, row.length), 0);
    return ofLists([...Array(Math.min(width, MOST_COLUMNS)).keys()].map(String), list, note);
  }
  const objects = list.map(objectOf);
  if (!objects.every((row) => row !== undefined)) return undefined;
  const names = new Set<string>();
  for (const row of objects) {
    for (const name of Object.keys(row)) if (names.size < MOST_COLUMNS) names.add(name);
  }
  const columns = [...names];
  return ofLists(
    columns,
    objects.map((row) => columns.map((name) => row[name])),
    note,
  );
}

/** `{"a": [1, 2], "b": [3, 4]}`, and with an index, as pandas writes it: `{"a": {"0": 1}}`. */
function ofColumns(found: Record<string, unknown>, note: string | undefined) {
  const names = Object.keys(found).slice(0, MOST_COLUMNS);
  const columns = names.map((name) => {
    const column = found[name];
    const keys = objectOf(column);
    return keys && "0" in keys ? Object.values(keys) : column;
  });
  if (!names.length || !isLists(columns)) return undefined;
  const length = columns[0]?.length ?? 0;
  const isTable = columns.every((column) => column.length === length);
  if (!length || !isTable || names.length < 2) return undefined;
  const rows = Array.from({ length }, (_, i) => columns.map((column) => column[i]));
  return ofLists(names, rows, note);
}

function ofLists(names: string[], rows: unknown[][], note: string | undefined): TableSource {
  const columns = names.map((name, i) => ({
    name,
    type: "",
    isNumber: rows.slice(0, 200).every((row) => row[i] == null || typeof row[i] === "number"),
  }));
  return tableOfRows(columns, rows, note);
}

function isLists(value: unknown): value is unknown[][] {
  return Array.isArray(value) && value.every(Array.isArray);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}
