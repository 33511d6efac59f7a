// Files that the page makes for the person at it.

import { numberOf } from "./numeric";

/** Offers a content as a download. */
export function saveFile(name: string, content: Blob | string, type = "text/csv"): void {
  const url = URL.createObjectURL(
    content instanceof Blob ? content : new Blob([content], { type: `${type};charset=utf-8` }),
  );
  download(url, name.replaceAll(/[\\/:*?"<>|]/g, "_"));
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Has the browser store what is at an address, by the name that it is given or comes with. */
export function download(url: string, name = ""): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** Returns rows as CSV (RFC 4180); numbers in full. */
export function csv(rows: (string | number | null)[][]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/**
 * A spreadsheet would run a text that begins like a formula. It gets an apostrophe before it, and so
 * does one that has apostrophes before such a beginning, so that taking one away gives the text again.
 */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;

function cell(value: string | number | null): string {
  const plain = value === null ? "" : String(value);
  const text = FORMULA.test(plain) && numberOf(plain) === undefined ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
