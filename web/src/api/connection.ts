// Whether the server can be reached. While it cannot, it is asked again and again.

import { createSignal } from "solid-js";

const AGAIN_MS = 1_000;

const [lost, setLost] = createSignal(false);
const [returns, setReturns] = createSignal(0);

export { lost, returns };

/** Notes that the server could not be reached; what follows `returns` is read again when it can. */
export function lose(): void {
  if (lost()) return;
  setLost(true);
  setTimeout(ask, AGAIN_MS);
}

async function ask(): Promise<void> {
  const answer = await fetch("health", { cache: "no-store" }).catch(() => undefined);
  if (!answer?.ok) {
    setTimeout(ask, AGAIN_MS);
    return;
  }
  setLost(false);
  setReturns((count) => count + 1);
}
