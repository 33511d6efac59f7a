// The cursor that charts share while they are synchronised, and the run that is shown in all of them.

import { createSignal } from "solid-js";

/** Where the cursor is, in which chart, and the run that it points at there. */
export interface SharedCursor {
  x: number;
  source: object;
  runId: string | undefined;
}

/** Returns the state that the charts of a page share. */
export function createSharedCursor() {
  const [at, setAt] = createSignal<SharedCursor>();
  const [shown, setShown] = createSignal<string>();
  return {
    at,
    setAt,
    /** The run whose curve stands out, until it is chosen again. */
    shown,
    toggleShown: (runId: string) => setShown(shown() === runId ? undefined : runId),
  };
}

export type CursorState = ReturnType<typeof createSharedCursor>;
