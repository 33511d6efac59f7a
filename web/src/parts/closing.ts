// Closing what somebody waits in: a dialog, or a field, that something was sent from.

import { onCleanup } from "solid-js";

/**
 * Returns `close` for as long as the component is there. What was sent from a dialog that was closed
 * meanwhile ends without closing the one that was opened after it.
 */
export function createClose(close: () => void): () => void {
  let isHere = true;
  onCleanup(() => {
    isHere = false;
  });
  return () => {
    if (isHere) close();
  };
}
