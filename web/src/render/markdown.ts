// Markdown as HTML, which is not clean yet.

import { Marked } from "marked";
import type { Made } from "./render";

// Every row of a table has as many cells as the longest: so many would take all memory.
const MOST_CELLS = 50_000;

// The headings of a note stand below those of the page.
const parser = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    heading({ tokens, depth }) {
      const level = Math.min(6, depth + 2);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
  },
});

/** Returns markdown as HTML; undefined if its tables may be too large. */
export function markdown(text: string): Made | undefined {
  const lines = text.split("\n");
  const cells = lines.reduce((most, line) => Math.max(most, line.split("|").length), 0);
  if (cells > 2 && cells * lines.length > MOST_CELLS) return undefined;
  return { html: parser.parse(text, { async: false }) };
}
