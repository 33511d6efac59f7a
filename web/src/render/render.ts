// What runs stored, made into HTML by a worker that has a time limit.

import { workerAnswer } from "../parts/workerAnswer";
import type { DiffPart } from "./diff";

/** A text, what it is, and the name of its file. */
export interface Wanted {
  kind: "markdown" | "code" | "diff";
  text: string;
  name: string;
  /** The text that it is compared with. */
  other?: string;
}

/** HTML, which a note still has to be cleaned of what is not allowed; or a difference. */
export interface Made {
  html?: string;
  parts?: DiffPart[];
}

const LIMIT_MS = 3_000;
const MOST_CHARACTERS = 200_000;
// Of HTML: more of it would take the page long to lay out.
const MOST_HTML = 1_000_000;

/** Returns what is made of a text; undefined if it is too long, or takes too long, or fails. */
export async function render(wanted: Wanted): Promise<Made | undefined> {
  if (Math.max(wanted.text.length, wanted.other?.length ?? 0) > MOST_CHARACTERS) return undefined;
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const made = await workerAnswer<Made>(worker, wanted, LIMIT_MS);
  return (made?.html?.length ?? 0) > MOST_HTML ? undefined : made;
}
