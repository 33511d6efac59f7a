// Whether an element has come into sight, or nearly: what it shows is read then.

import { createSignal, onCleanup, onMount } from "solid-js";

export function createSeen(element: () => HTMLElement): () => boolean {
  const [seen, setSeen] = createSignal(false);
  onMount(() => {
    const sight = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true), {
      rootMargin: "300px",
    });
    sight.observe(element());
    // What is in sight at once is read without waiting for the next frame.
    setSeen(element().getBoundingClientRect().top < innerHeight);
    onCleanup(() => sight.disconnect());
  });
  return seen;
}
