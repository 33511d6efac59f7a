// When something has come to the screen: what is not needed for it is loaded after that.

import { createEffect, createMemo, createSignal, onCleanup } from "solid-js";

/** Returns whether what is there since a condition became true has been painted; it stays so. */
export function createPainted(isThere: () => boolean): () => boolean {
  const [painted, setPainted] = createSignal(false);
  const there = createMemo(isThere);
  createEffect(() => {
    if (!there() || painted()) return;
    // The first frame paints it, and the second begins when that is done.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => setPainted(true));
    });
    onCleanup(() => cancelAnimationFrame(frame));
  });
  return painted;
}
