// What a panel reads of all runs that a page found: while it is in sight, and again after changes.

import { createEffect, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { returns } from "../api/connection";
import { PacedWork } from "../parts/pacedWork";
import { createFoundChanges, type Shown } from "./foundChanges";

interface Wanted<Value> extends Shown {
  read: (signal: AbortSignal) => Promise<Value>;
  /** Milliseconds of the shortest pause. */
  rest?: number;
}

/**
 * Returns what was read, why it could not be, whether it is not there yet, and how to read it again. Something else is read at
 * once, and the same with pauses; nothing where `asked` is empty.
 */
export function createPanelRead<Value>(wanted: Wanted<Value>) {
  const [found, setFound] = createSignal<Value>();
  const [error, setError] = createSignal<ApiError>();
  const [isReading, setReading] = createSignal(false);
  // Of what the present or the last read is.
  const [last, setLast] = createSignal({ asked: "", changes: 0 });
  const foundChanges = createFoundChanges(wanted);
  // What a lost server did not answer is read when it is there again.
  const changes = () => foundChanges() + returns();
  const reads = new PacedWork(async (signal) => {
    if (!wanted.inSight()) return;
    setLast({ asked: wanted.asked(), changes: changes() });
    setReading(true);
    try {
      const value = await wanted.read(signal);
      if (signal.aborted) return; // another read began
      setFound(() => value);
      setError(undefined);
    } catch (failure) {
      if (signal.aborted) return;
      setError(shown(failure));
    }
    setReading(false);
  }, wanted.rest);
  createEffect(
    on([wanted.asked, changes, wanted.inSight], ([asked, times, isInSight]) => {
      if (!asked || !isInSight) return;
      if (asked !== last().asked) reads.startNow();
      else if (times !== last().changes) reads.startSoon();
    }),
  );
  onCleanup(() => reads.stop());
  const loading = () => !!wanted.asked() && (isReading() || last().asked !== wanted.asked());
  return { found, error, loading, again: () => reads.startNow() };
}
