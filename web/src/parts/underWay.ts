// Work that takes its time, told at the edge of the page with a way to stop it.

import { createSignal } from "solid-js";
import { add, attempt, dismiss } from "./notices";

/** What a work that takes its time is given: to tell how far it is, and to know that it is stopped. */
export interface UnderWay {
  progress: (text: string) => void;
  signal: AbortSignal;
}

// What is done sooner is not told of.
const LONG_MS = 500;

/** Does what may take its time, as `attempt` does, and tells of it until it is done or stopped. */
export async function attemptLong(
  text: string,
  action: (underWay: UnderWay) => Promise<void>,
): Promise<void> {
  const own = new AbortController();
  const [progress, setProgress] = createSignal("");
  let id = 0;
  const timer = setTimeout(() => {
    id = add({ text, isError: false, stop: () => own.abort(), progress });
  }, LONG_MS);
  await attempt(() =>
    action({ signal: own.signal, progress: setProgress }).catch((failure) => {
      if (!own.signal.aborted) throw failure;
    }),
  );
  clearTimeout(timer);
  dismiss(id);
}
