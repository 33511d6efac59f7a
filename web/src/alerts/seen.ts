// Which alerts somebody has seen: in this browser, those that are not newer than the last one seen.

import { createSignal } from "solid-js";
import type { Alert } from "../api/alerts";

const PLACE = "runstream.alerts.seen";

const [seenUntil, setSeenUntil] = createSignal(stored());

addEventListener("storage", ({ key }) => {
  if (key === PLACE) setSeenUntil(stored());
});

/** The time of the newest alert that was seen, in milliseconds since the epoch. */
export { seenUntil };

export function unseenOf(alerts: Alert[]): Alert[] {
  return alerts.filter(({ at }) => at > seenUntil());
}

/** Notes that these have been seen. */
export function noteSeen(alerts: Alert[]): void {
  const newest = Math.max(seenUntil(), ...alerts.map(({ at }) => at));
  if (newest === seenUntil()) return;
  setSeenUntil(newest);
  try {
    localStorage.setItem(PLACE, String(newest));
  } catch {
    // Nothing may be stored: it is so for this visit.
  }
}

function stored(): number {
  try {
    return Number(localStorage.getItem(PLACE)) || 0;
  } catch {
    return 0;
  }
}
