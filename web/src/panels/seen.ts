// Whether an element is in sight, or nearly, and whether it ever was: what it shows is read then.

import { createSignal, onCleanup, onMount } from "solid-js";

export function createSight(element: () => HTMLElement) {
  const [seen, setSeen] = createSignal(false);
  const [inSight, setInSight] = createSignal(false);
  const look = (is: boolean) => {
    setInSight(is);
    if (is) setSeen(true);
  };
  onMount(() => {
    const sight = new IntersectionObserver(
      (entries) => look(entries.at(-1)?.isIntersecting ?? false),
      { rootMargin: "300px" },
    );
    sight.observe(element());
    // What is in sight at once is read without waiting for the next frame.
    look(element().getBoundingClientRect().top < innerHeight);
    onCleanup(() => sight.disconnect());
  });
  return { seen, inSight };
}

export function createSeen(element: () => HTMLElement): () => boolean {
  return createSight(element).seen;
}
