// What is committed to runs, as it is committed, by server-sent events.

import { createEffect, onCleanup } from "solid-js";
import { visible } from "../parts/visible";
import { answered, api, type Schemas } from "./client";
import { checkConnection, lost } from "./connection";

export type RunChange = Schemas["RunChange"];

/** What to watch: runs, or all runs of an experiment. */
interface Watched {
  runIds?: string[];
  experimentId?: string;
}

const AGAIN_MS = 1_000;
const LONGEST_MS = 60_000;

// The server says every 15 seconds that it is still there, if there is nothing else.
const SILENT_MS = 50_000;

// Milliseconds for which a position serves all that begin to watch: from an earlier one some changes
// are told that were read already, and none is missed.
const FRESH_MS = 500;

let fresh: Promise<string> | undefined;

function takePosition(): Promise<string> {
  if (!fresh) {
    const taken = answered(api.GET("/api/1.0/runstream/watch/get-position", {}));
    fresh = taken.then(({ position = "" }) => position);
    const expire = () => {
      fresh = undefined;
    };
    fresh.then(() => setTimeout(expire, FRESH_MS), expire);
  }
  return fresh;
}

/**
 * Follows changes while the component is there. The position is taken first, then `begin` reads
 * what there is, then the watch goes on from the position: so nothing is missed in between. That
 * happens anew whenever something may have been missed. `begin` returns whether to follow.
 */
export function watch(
  watched: () => Watched,
  begin: () => Promise<boolean>,
  follow: (changes: RunChange[]) => void,
): void {
  createEffect(() => {
    const now = watched();
    // A browser opens few connections to a server at once: a page that nobody sees gives its own up.
    if (!visible() || lost()) return; // this runs again when that changes
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    let wait = AGAIN_MS;
    const start = async () => {
      try {
        const position = await takePosition().catch(() => undefined);
        if (over || !(await begin()) || over) return;
        if (position === undefined) again();
        else source = opened(now, position, following, again);
      } catch {
        again();
      }
    };
    const following = (changes: RunChange[]) => {
      wait = AGAIN_MS;
      if (changes.length) follow(changes);
    };
    const again = () => {
      if (over) return;
      timer = setTimeout(start, wait);
      wait = Math.min(LONGEST_MS, 2 * wait);
    };
    start();
    onCleanup(() => {
      over = true;
      clearTimeout(timer);
      source?.close();
    });
  });
}

function opened(
  watched: Watched,
  position: string,
  follow: (changes: RunChange[]) => void,
  again: () => void,
): EventSource {
  const query = new URLSearchParams({ position });
  for (const id of watched.runIds ?? []) query.append("run_ids", id);
  if (watched.experimentId) query.append("experiment_ids", watched.experimentId);
  const source = new EventSource(`api/1.0/runstream/watch/stream?${query}`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    // We fell behind, or what is watched is gone, or the server is, or it is silent.
    clearTimeout(timer);
    source.close();
    checkConnection().then((isThere) => isThere && again());
  };
  const hear = () => {
    clearTimeout(timer);
    timer = setTimeout(() => source.readyState === EventSource.CLOSED || end(), SILENT_MS);
  };
  source.onmessage = ({ data }) => {
    hear();
    follow((JSON.parse(data) as Schemas["WatchResponse"]).changes ?? []);
  };
  source.addEventListener("heartbeat", hear);
  source.addEventListener("error", end);
  hear();
  return source;
}
