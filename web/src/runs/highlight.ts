// The run that somebody pointed out: in the legend or at a curve, to find it in the list, too.

import { createSignal } from "solid-js";

const [highlighted, setHighlighted] = createSignal("");

export { highlighted };

/** Points out a run, or none by an empty id. */
export function highlight(id: string): void {
  setHighlighted(id);
}
