// Some runs with all that they logged, kept up to date.

import { createMemo, createSignal, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { type Run, readRuns } from "../api/runs";
import { type RunChange, watch } from "../api/watch";
import { applyChange } from "./applyChange";

export type Listener = (changes: RunChange[]) => void;

export function createLiveRuns(ids: () => string[]) {
  const [runs, setRuns] = createSignal<Run[]>([]);
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  const [begun, setBegun] = createSignal(0);
  const listeners = new Set<Listener>();
  let waiting: RunChange[] = [];
  let frame = 0;

  const asked = createMemo(() => ids(), [], { equals: (a, b) => a.join() === b.join() });
  const read = async () => {
    const now = asked();
    try {
      const found = await readRuns(now);
      if (now !== asked()) return;
      setRuns(found);
      setError(undefined);
    } catch (failure) {
      setError(shown(failure));
    }
    setLoading(false);
  };
  const apply = () => {
    frame = 0;
    const changes = waiting;
    waiting = [];
    setRuns((all) =>
      all.map((run) =>
        changes.filter((change) => change.run_id === run.id).reduce(applyChange, run),
      ),
    );
  };
  watch(
    () => ({ runIds: asked() }),
    async () => {
      if (!asked().length) return false;
      await read();
      setBegun((count) => count + 1);
      return runs().length === asked().length; // what is not there cannot be watched
    },
    (changes) => {
      for (const listener of listeners) listener(changes);
      waiting.push(...changes);
      frame ||= requestAnimationFrame(apply);
    },
  );
  onCleanup(() => cancelAnimationFrame(frame));

  return {
    runs,
    error,
    loading,
    /** Grows when histories are to be read: at first, and when something may have been missed. */
    begun,
    read,
    /** Calls a listener with all changes while the component is there. */
    listen: (listener: Listener) => {
      listeners.add(listener);
      onCleanup(() => listeners.delete(listener));
    },
  };
}

export type LiveRuns = ReturnType<typeof createLiveRuns>;
