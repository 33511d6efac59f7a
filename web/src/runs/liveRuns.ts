// Some runs with all that they logged, kept up to date.

import { batch, createEffect, createMemo, createSignal, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { type Run, readRuns } from "../api/runs";
import { type RunChange, watch } from "../api/watch";
import { addFrameWork, dropFrameWork } from "../parts/pacedFrames";
import { applyChange } from "./applyChange";

type Listener = (changes: RunChange[]) => void;

export function createLiveRuns(ids: () => string[]) {
  const [runs, setRuns] = createSignal<Run[]>([]);
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  const [begun, setBegun] = createSignal(0);
  const listeners = new Set<Listener>();
  // The runs as they are after all changes; they are shown with one of the next frames.
  let latest: Run[] = [];
  // What came since each read began, whose answer may be older.
  const missed = new Set<RunChange[]>();

  const asked = createMemo(() => ids(), [], { equals: (a, b) => a.join() === b.join() });
  const read = async () => {
    const now = asked();
    const changes: RunChange[] = [];
    missed.add(changes);
    try {
      const found = await readRuns(now);
      if (now !== asked()) return;
      latest = found;
      changes.forEach(apply);
      setRuns(latest);
      setError(undefined);
    } catch (failure) {
      setError(shown(failure));
    } finally {
      missed.delete(changes);
    }
    setLoading(false);
  };
  const apply = (change: RunChange) => {
    latest = latest.map((run) => (run.id === change.run_id ? applyChange(run, change) : run));
  };
  const show = () => setRuns(latest);
  // While none is asked for it is as at the beginning: what is asked for next is read before it is shown.
  const reset = () =>
    batch(() => {
      latest = [];
      show();
      setError(undefined);
      setLoading(true);
      setBegun(0);
    });
  createEffect(() => asked().length || reset());
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
      for (const list of missed) list.push(...changes);
      changes.forEach(apply);
      addFrameWork(show);
    },
  );
  onCleanup(() => dropFrameWork(show));

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
