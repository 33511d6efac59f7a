// The pages of a list behind its first one, which are read when they are asked for.

import { createEffect, createSignal, on } from "solid-js";
import { attempt } from "./notices";

/**
 * Reads pages of a source one at a time, however often they are asked for. Those of another source
 * are forgotten, and one that comes too late is left out.
 */
export function createMorePages<Source, Page>(
  source: () => Source,
  read: (source: Source, token: string) => Promise<Page>,
) {
  const [pages, setPages] = createSignal<Page[]>([]);
  let reading: symbol | undefined;
  const forget = () => {
    reading = undefined;
    setPages([]);
  };
  createEffect(on(source, forget, { defer: true }));
  const readNext = (token: string) =>
    attempt(async () => {
      if (reading) return;
      const own = Symbol();
      reading = own;
      try {
        const page = await read(source(), token);
        if (reading === own) setPages((all) => [...all, page]);
      } finally {
        if (reading === own) reading = undefined;
      }
    });
  return { pages, forget, readNext };
}
