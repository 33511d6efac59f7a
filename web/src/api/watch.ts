// What is committed to runs, as it is committed, by server-sent events.

import { createEffect, createSignal, onCleanup } from "solid-js";
import { answered, api, type Schemas } from "./client";
import { lose, lost } from "./connection";

export type RunChange = Schemas["RunChange"];

/** What to watch: runs, or all runs of an experiment. */
export interface Watched {
  runIds?: string[];
  experimentId?: string;
}

// A browser opens few connections to a server at once: pages that nobody sees give theirs up.
const [visible, setVisible] = createSignal(true);
document.addEventListener("visibilitychange", () => setVisible(!document.hidden));

/**
 * Follows changes while the component is there, from a position that is taken first: `begin` is
 * called with it, and again whenever something may have been missed, to read everything anew.
 */
export function watch(
  watched: () => Watched | undefined,
  begin: () => void,
  follow: (changes: RunChange[]) => void,
): void {
  createEffect(() => {
    const now = watched();
    if (!now || !visible() || lost()) return; // this runs again when that changes
    let source: EventSource | undefined;
    let over = false;
    const start = async () => {
      try {
        const { position = "" } = await answered(
          api.GET("/api/1.0/runstream/watch/get-position", {}),
        );
        if (over) return;
        begin();
        source = opened(now, position, follow, start);
      } catch {
        if (!over) setTimeout(() => !over && start(), 1_000);
      }
    };
    start();
    onCleanup(() => {
      over = true;
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
  source.onmessage = ({ data }) => {
    const { changes = [] } = JSON.parse(data) as Schemas["WatchResponse"];
    if (changes.length) follow(changes);
  };
  source.addEventListener("error", (event) => {
    source.close();
    // With data it is the server's word that we fell behind; without, the connection broke.
    if (event instanceof MessageEvent) again();
    else fetch("health").then(again, lose);
  });
  return source;
}
