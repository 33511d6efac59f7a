// Which panels somebody looks for: by words, or by a /regular expression/, for which a worker has a
// time limit.

import { createMemo } from "solid-js";
import { createLoaded } from "../parts/loaded";
import { workerAnswer } from "../parts/workerAnswer";

const LIMIT_MS = 1_000;

/** An expression, and the texts to test. */
export interface Asked {
  pattern: string;
  flags: string;
  texts: string[];
}

/** The texts that were found, and why an expression is none. */
export interface Found {
  texts: string[];
  error: string;
}

/** Returns whether a text is looked for, of these texts; and why the search finds nothing. */
export function createPanelSearch(search: () => string, texts: () => string[]) {
  const expression = createMemo(() => {
    const [, pattern, flags = ""] = /^\/(.*)\/(i?)$/s.exec(search().trim()) ?? [];
    return pattern === undefined ? undefined : { pattern, flags: flags || "i" };
  });
  const asked = () => {
    const now = expression();
    return now && { ...now, texts: texts() };
  };
  const matched = createLoaded(asked, match);
  // While a worker searches, what it found before stays, or else all.
  const found = createMemo(() => {
    const texts = matched.latest()?.texts;
    return texts && new Set(texts);
  });
  const words = createMemo(() => search().toLowerCase().split(/\s+/).filter(Boolean));
  return {
    finds: (text: string) =>
      expression()
        ? (found()?.has(text) ?? true)
        : words().every((word) => text.toLowerCase().includes(word)),
    error: () => (expression() && matched.value()?.error) || "",
  };
}

async function match(asked: Asked): Promise<Found> {
  const worker = new Worker(new URL("./panelSearchWorker.ts", import.meta.url), {
    type: "module",
  });
  const tooLong = `This expression takes longer than ${LIMIT_MS / 1_000} s: write a simpler one.`;
  return (await workerAnswer<Found>(worker, asked, LIMIT_MS)) ?? { texts: [], error: tooLong };
}
