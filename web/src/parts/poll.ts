// What is read again while somebody looks, where no watch tells of changes.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { lost } from "../api/connection";
import { visible } from "./visible";

// A read without an answer for so long is given up, and another one begun.
const LONGEST_MS = 120_000;

/** What is read: `createLoaded` makes it. */
interface Polled {
  loading: () => boolean;
  again: () => void;
}

/**
 * Reads again so many milliseconds after the last answer, so a slow server is waited for. Nothing is
 * read while the page is out of sight, or it is not wanted; what was due meanwhile is read right after.
 */
export function poll(
  polled: Polled,
  milliseconds: number,
  isWanted: () => boolean = () => true,
): void {
  const loading = createMemo(polled.loading);
  const isLookedAt = createMemo(() => visible() && !lost() && isWanted());
  // When a read began or was answered.
  const [since, setSince] = createSignal(performance.now());
  const note = () => setSince(performance.now());
  createEffect(on(loading, note, { defer: true }));
  createEffect(() => {
    if (!isLookedAt()) return;
    const due = since() + (loading() ? LONGEST_MS : milliseconds);
    const timer = setTimeout(() => {
      note();
      polled.again();
    }, due - performance.now());
    onCleanup(() => clearTimeout(timer));
  });
}
