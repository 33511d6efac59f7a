// A notebook of Jupyter (nbformat 4): its cells, and what they put out.

import { code } from "./code";
import type { Notebook, NotebookCell, NotebookOutput } from "./fileQuestions";
import { FileProblem, type FileSource, objectOf, readJson } from "./fileSource";
import { markdown } from "./markdown";

const MOST_BYTES = 32_000_000;
const MOST_CELLS = 500;
const MOST_OUTPUTS = 50;
const MOST_CHARACTERS = 100_000;
const MOST_IMAGE = 10_000_000;
// Of all cells together: more would take the page long to lay out.
const MOST_HTML = 2_000_000;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

export async function notebook(file: FileSource): Promise<Notebook> {
  const found = objectOf(await readJson(file, MOST_BYTES));
  const cells = found?.cells;
  if (!Array.isArray(cells)) throw new FileProblem("This is no notebook of Jupyter.");
  const metadata = objectOf(found?.metadata);
  const language = String(
    objectOf(metadata?.kernelspec)?.language ?? objectOf(metadata?.language_info)?.name ?? "python",
  );
  let room = MOST_HTML;
  const shown = cells.slice(0, MOST_CELLS).map((cell) => {
    const made = cellOf(objectOf(cell) ?? {}, language);
    const htmls = [made.html, ...made.outputs.map(({ html }) => html)];
    room -= htmls.reduce((sum, html) => sum + (html?.length ?? 0), 0);
    if (room < 0) {
      delete made.html;
      for (const output of made.outputs) delete output.html;
    }
    file.step();
    return made;
  });
  return { cells: shown, left: cells.length - shown.length };
}

function cellOf(cell: Record<string, unknown>, language: string): NotebookCell {
  const text = textOf(cell.source).slice(0, MOST_CHARACTERS);
  const kind = cell.cell_type === "markdown" || cell.cell_type === "code" ? cell.cell_type : "raw";
  const count = Number(cell.execution_count);
  const html =
    kind === "markdown"
      ? markdown(text)?.html
      : kind === "code"
        ? code(text, language === "python" ? "a.py" : `a.${language}`)?.html
        : undefined;
  const outputs = Array.isArray(cell.outputs) ? cell.outputs.slice(0, MOST_OUTPUTS) : [];
  return {
    kind,
    text,
    count: count ? String(count) : " ",
    ...(html !== undefined && { html }),
    outputs: outputs.map((output) => outputOf(objectOf(output) ?? {})),
  };
}

function outputOf(output: Record<string, unknown>): NotebookOutput {
  if (output.output_type === "stream") return { text: plain(output.text) };
  if (output.output_type === "error") {
    const trace = Array.isArray(output.traceback) ? output.traceback.map(String).join("\n") : "";
    return { text: plain(trace || `${output.ename}: ${output.evalue}`), isError: true };
  }
  const data = objectOf(output.data) ?? {};
  const type = IMAGES.find((type) => type in data);
  const image = type && textOf(data[type]).replaceAll(/\s/g, "");
  if (image && image.length < MOST_IMAGE && /^[A-Za-z0-9+/=]+$/.test(image)) {
    return { image: `data:${type};base64,${image}` };
  }
  const text = plain(data["text/plain"]);
  const html = textOf(data["text/html"]);
  if (html && html.length < MOST_CHARACTERS) return { html, text };
  const marked = textOf(data["text/markdown"]);
  const made = marked && markdown(marked.slice(0, MOST_CHARACTERS))?.html;
  return made ? { html: made, text } : { text };
}

/** A text may be a list of its lines. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join("") : typeof value === "string" ? value : "";
}

/** Returns a text without the colours of a terminal. */
function plain(value: unknown): string {
  const control = String.fromCharCode(27);
  const sequences = new RegExp(`${control}\\[[0-9;?]*[A-Za-z]`, "g");
  return textOf(value).slice(0, MOST_CHARACTERS).replaceAll(sequences, "");
}
