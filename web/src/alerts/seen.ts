// Which alerts somebody has seen: in this browser, those that are not newer than the last one seen.

import { createSignal } from "solid-js";
import type { Alert } from "../api/alerts";
import { caller } from "../api/session";

const PLACE = "runstream.alerts.seen";

// The time of the newest alert that each user has seen, in milliseconds since the epoch.
const [times, setTimes] = createSignal(stored());

addEventListener("storage", ({ key }) => {
  if (key === PLACE) setTimes(stored());
});

const user = () => caller()?.name ?? "";
const seenUntil = () => Number(times()[user()]) || 0;

export function unseenOf(alerts: Alert[]): Alert[] {
  return alerts.filter(({ at }) => at > seenUntil());
}

/** Notes that who is signed in has seen these. */
export function noteSeen(alerts: Alert[]): void {
  const newest = Math.max(seenUntil(), ...alerts.map(({ at }) => at));
  if (newest === seenUntil()) return;
  setTimes((before) => ({ ...before, ...stored(), [user()]: newest }));
  try {
    localStorage.setItem(PLACE, JSON.stringify(times()));
  } catch {
    // Nothing may be stored: it is so for this visit.
  }
}

function stored(): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return found && typeof found === "object" ? { ...found } : {};
  } catch {
    return {};
  }
}
