// The cursor that charts share while they are synchronised, and the run that is shown in all of them.

import { createSignal, onCleanup } from "solid-js";

// A curve is drawn anew in all charts when the pointer has been at it for so long.
const REST_MS = 80;

/** Where the cursor is, in which chart, and the run that it points at there. */
interface SharedCursor {
  x: number;
  source: object;
  runId: string | undefined;
}

/** Returns the state that the charts of a page share. */
export function createSharedCursor() {
  const [at, setAt] = createSignal<SharedCursor>();
  const [pointed, setPointed] = createSignal<string>();
  const [shown, setShown] = createSignal<string>();
  let next: SharedCursor | undefined;
  let frame = 0;
  let resting: ReturnType<typeof setTimeout> | undefined;

  const tell = () => {
    frame = 0;
    setAt(next);
  };
  /** Tells all charts with the next frame, however often the cursor moves until then. */
  const move = (to: SharedCursor | undefined) => {
    if (to?.runId !== next?.runId) {
      clearTimeout(resting);
      resting = setTimeout(() => setPointed(to?.runId), REST_MS);
    }
    next = to;
    frame ||= requestAnimationFrame(tell);
  };
  onCleanup(() => {
    clearTimeout(resting);
    cancelAnimationFrame(frame);
  });
  return {
    at,
    move,
    /** Takes the cursor away, if it is that of a chart. */
    leave: (source: object) => {
      if (next?.source === source) move(undefined);
    },
    /** The run that the cursor points at, once it has rested there. */
    pointed,
    /** The run whose curve stands out, until it is chosen again. */
    shown,
    toggleShown: (runId: string) => setShown(shown() === runId ? undefined : runId),
  };
}

export type CursorState = ReturnType<typeof createSharedCursor>;
