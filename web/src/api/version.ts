// Which version of the interface this page is. A server that was restarted may have another one, whose
// files have other names: the page is then loaded anew, at the address at which it is.

import { createSignal } from "solid-js";
import { fetchInTime } from "./deadline";

const [outdated, setOutdated] = createSignal(false);

/** Whether the server has another version, and something is being typed that loading would lose. */
export { outdated };

const ENTRY = /src="[^"]*(assets\/index-[^"]+\.js)"/;
const LATEST = "runstream.reloaded";
// Servers of two versions behind one address would have it load for ever.
const LEAST_MS = 10_000;

let destination = "";

/** Notes where somebody goes: the address becomes that when its page is there. */
export function noteDestination(path: string): void {
  destination = path;
}

/** Loads the page anew, if the server has another version of it; returns when it has not. */
export async function reloadIfOutdated(): Promise<void> {
  if (!(await isOutdated())) return;
  if (document.querySelector("dialog[open], textarea")) {
    setOutdated(true);
    return;
  }
  if (Date.now() - Number(sessionStorage.getItem(LATEST) ?? 0) < LEAST_MS) return;
  sessionStorage.setItem(LATEST, String(Date.now()));
  reload();
  await new Promise(() => undefined); // what waits for a file of this version waits for the page
}

/** Loads the page anew, at the address at which it is or to which somebody goes. */
export function reload(): void {
  if (destination) history.pushState(null, "", `#${destination}`);
  location.reload();
}

async function isOutdated(): Promise<boolean> {
  const own = document.querySelector<HTMLScriptElement>("script[type=module][src]")?.src ?? "";
  const answer = await fetchInTime(".", { cache: "no-store" }).catch(() => undefined);
  const now = ENTRY.exec((answer?.ok && (await answer.text().catch(() => ""))) || "")?.[1];
  return !!now && !own.endsWith(now);
}
