// The newest alerts of all experiments that somebody sees, followed while a page is open.

import { createEffect, createSignal, on, onCleanup } from "solid-js";
import { type Alert, listAlerts } from "../api/alerts";
import { lost } from "../api/connection";
import { caller } from "../api/session";

/** How many alerts are known at the most. */
export const MOST = 50;

const AGAIN_MS = 15_000;
const HIDDEN_MS = 60_000;
const LONGEST_MS = 300_000;
// Servers whose clocks differ store alerts a little out of order: the last ones are read again.
const OVERLAP_MS = 60_000;

const [read, setRead] = createSignal<{ of: string; alerts: Alert[] }>();

/** The newest first; nothing until those of who is signed in were read. */
export function alerts(): Alert[] | undefined {
  const found = read();
  return found && found.of === caller()?.name ? found.alerts : undefined;
}

/**
 * Follows alerts while the component is there, one request at a time; none while nobody is signed in
 * or the server is lost. Returns what reads at once.
 *
 * @param isOpen whether the list is looked at: then it is read as a whole, since deliveries go on.
 * @param listen is called with those that came after the first read.
 */
export function followAlerts(isOpen: () => boolean, listen: (fresh: Alert[]) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let current: AbortController | undefined;
  let wait = AGAIN_MS;
  let over = false;
  const ask = async () => {
    current = new AbortController();
    try {
      const fresh = await readNew(isOpen(), current.signal);
      if (fresh.length && !over) listen(fresh);
      wait = AGAIN_MS;
    } catch {
      wait = Math.min(LONGEST_MS, 2 * wait); // a lost server is told at the head of the page
    }
    current = undefined;
  };
  const readNow = async () => {
    if (current || over) return;
    clearTimeout(timer);
    if (caller() && !lost()) await ask();
    if (!over) timer = setTimeout(readNow, document.hidden ? Math.max(HIDDEN_MS, wait) : wait);
  };
  createEffect(on([caller, lost], readNow));
  const onShown = () => document.hidden || readNow();
  document.addEventListener("visibilitychange", onShown);
  onCleanup(() => {
    over = true;
    document.removeEventListener("visibilitychange", onShown);
    clearTimeout(timer);
    current?.abort();
  });
  return readNow;
}

/** Reads the newest alerts, and returns those that came since they were read before. */
async function readNew(isWhole: boolean, signal: AbortSignal): Promise<Alert[]> {
  const of = caller()?.name ?? "";
  const before = alerts();
  const recent = Math.max(0, (before?.[0]?.at ?? 0) - OVERLAP_MS);
  const since = isWhole ? 0 : recent;
  const found = (await listAlerts({ since, most: MOST }, signal)).alerts;
  if (of !== caller()?.name) return [];
  const again = new Set(found.map(({ id }) => id));
  const older = since ? (before ?? []).filter(({ id }) => !again.has(id)) : [];
  const all = [...found, ...older].sort((a, b) => b.at - a.at).slice(0, MOST);
  if (JSON.stringify(all) !== JSON.stringify(before)) setRead({ of, alerts: all });
  const known = new Set(before?.map(({ id }) => id));
  return before ? found.filter(({ id, at }) => !known.has(id) && at >= recent) : [];
}

/** Returns the newest alert of a run or an experiment that is known, by its id; empty if none is. */
export function newestOf(of: { experimentId: string; runId: string }): string {
  const isOf = (alert: Alert) =>
    of.runId ? alert.runId === of.runId : alert.experimentId === of.experimentId;
  return alerts()?.find(isOf)?.id ?? "";
}
