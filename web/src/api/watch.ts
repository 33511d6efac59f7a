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

/** Who listens to a stream: told changes, and that there are no more. */
interface Listener {
  follow: (changes: RunChange[]) => void;
  end: () => void;
}

interface Stream {
  listeners: Set<Listener>;
  close: () => void;
}

// By what they tell of. A browser opens six connections to a server at once, and a page has to ask, too.
const streams = new Map<string, Stream>();
const MOST_STREAMS = 4;

/**
 * Follows changes while the component is there. The position is taken first, and changes are kept
 * from there on while `begin` reads what there is: so nothing is missed in between. That
 * happens anew whenever something may have been missed, and now and then while too many others
 * follow something else. `begin` returns whether to follow.
 */
export function watch(
  watched: () => Watched,
  begin: () => Promise<boolean>,
  follow: (changes: RunChange[]) => void,
): void {
  createEffect(() => {
    const query = queryOf(watched());
    // A page that nobody sees gives its connections up.
    if (!visible() || lost()) return; // this runs again when that changes
    let leave: (() => void) | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    let wait = AGAIN_MS;
    const start = async () => {
      leave?.();
      leave = undefined;
      let kept: RunChange[][] | undefined = [];
      let hasEnded = false;
      try {
        const position = await takePosition().catch(() => undefined);
        if (over) return;
        if (position !== undefined && query)
          leave = listen(query, position, {
            follow: (changes) => (kept ? kept.push(changes) : following(changes)),
            end: () => {
              hasEnded = true;
              if (!kept) again();
            },
          });
        const isFollowed = await begin();
        if (over) return;
        if (!isFollowed) {
          leave?.();
          return;
        }
        const before = kept;
        kept = undefined;
        before.forEach(following);
        if (!leave || hasEnded) again();
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
      leave?.();
    });
  });
}

/** Returns what a stream is asked for; empty for nothing. */
function queryOf({ runIds = [], experimentId }: Watched): string {
  const query = new URLSearchParams(runIds.map((id) => ["run_ids", id]));
  if (experimentId) query.append("experiment_ids", experimentId);
  return query.toString();
}

/**
 * Listens to the stream of a query, which is opened at a position if there is none. Returns what
 * ends that, or undefined if too many streams are open.
 */
function listen(query: string, position: string, listener: Listener): (() => void) | undefined {
  let stream = streams.get(query);
  if (!stream) {
    if (streams.size >= MOST_STREAMS) return undefined;
    stream = opened(query, position);
    streams.set(query, stream);
  }
  const { listeners, close } = stream;
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (!listeners.size) close();
  };
}

function opened(query: string, position: string): Stream {
  const from = new URLSearchParams({ position });
  const source = new EventSource(`api/1.0/runstream/watch/stream?${from}&${query}`);
  const listeners = new Set<Listener>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stream = {
    listeners,
    close: () => {
      clearTimeout(timer);
      source.close();
      if (streams.get(query) === stream) streams.delete(query);
    },
  };
  const end = () => {
    // We fell behind, or what is watched is gone, or the server is, or it is silent.
    stream.close();
    checkConnection().then((isThere) => {
      if (isThere) for (const listener of [...listeners]) listener.end();
    });
  };
  const hear = () => {
    clearTimeout(timer);
    timer = setTimeout(() => source.readyState === EventSource.CLOSED || end(), SILENT_MS);
  };
  source.onmessage = ({ data }) => {
    hear();
    const { changes = [] } = JSON.parse(data) as Schemas["WatchResponse"];
    for (const listener of [...listeners]) listener.follow(changes);
  };
  source.addEventListener("heartbeat", hear);
  source.addEventListener("error", end);
  hear();
  return stream;
}
