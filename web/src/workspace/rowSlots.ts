// Which row of the list each row of the page shows.
//
// While somebody scrolls, a row that stays in sight keeps its element, and those that leave are used
// again for those that come. At rest they stand in their order, in which screen readers read them.

import type { Range } from "@tanstack/solid-virtual";
import { createSignal } from "solid-js";

/** Tells how the elements of a table are used that shows so many rows at once. */
export function createRowSlots(most: () => number, isScrolling: () => boolean) {
  const [rests, setRests] = createSignal(0);
  let isInOrder = true;
  // The row of the first element, when all were in their order.
  let base = 0;

  /** Returns the rows to show, by the elements that show them. */
  const order = ({ startIndex, overscan, count }: Range) => {
    const shown = Math.min(most(), count);
    const first = Math.max(0, Math.min(startIndex - overscan, count - shown));
    if (isScrolling()) isInOrder = false;
    if (isInOrder) base = first;
    const turned = (((base - first) % shown) + shown) % shown;
    return Array.from({ length: shown }, (_, slot) => first + ((slot + turned) % shown));
  };
  const settle = () => {
    // A click ends at the element where it began.
    if (document.querySelector(".grid .row:active"))
      return addEventListener("pointerup", settle, { once: true });
    isInOrder = true;
    setRests(rests() + 1);
  };

  return {
    /** Returns what a virtualizer takes as its `rangeExtractor`; another one when it has to ask again. */
    extractor: () => {
      rests();
      return (range: Range) => order(range);
    },
    /** Puts the rows in their order when somebody has scrolled. */
    changed: () => {
      if (!isScrolling() && !isInOrder) settle();
    },
  };
}
