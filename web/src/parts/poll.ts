// What is read again while somebody looks, where no watch tells of changes.

import { createEffect, createMemo, on, onCleanup } from "solid-js";
import { lost } from "../api/connection";
import { visible } from "./visible";

/** What is read: `createLoaded` makes it. */
interface Polled {
  loading: () => boolean;
  again: () => void;
}

/**
 * Reads again so many milliseconds after the last answer or error, so a slow server is waited for. Nothing is
 * read while the page is out of sight, or it is not wanted; what was due meanwhile is read right after.
 */
export function poll(
  polled: Polled,
  milliseconds: number,
  isWanted: () => boolean = () => true,
): void {
  const loading = createMemo(polled.loading);
  const isLookedAt = createMemo(() => visible() && !lost() && isWanted());
  let answered = performance.now();
  createEffect(
    on(loading, () => {
      answered = performance.now();
    }),
  );
  createEffect(() => {
    if (loading() || !isLookedAt()) return;
    const timer = setTimeout(polled.again, answered + milliseconds - performance.now());
    onCleanup(() => clearTimeout(timer));
  });
}
