// The importance of params for a number of the runs that a page found, or of those that it draws. It
// is computed again when something happens to them, with pauses.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { type Importance, readImportance } from "../api/importance";
import { idList, type RunQuery } from "../api/runs";
import { PacedWork } from "../parts/pacedWork";
import { searchKey } from "../runs/columns";
import type { PanelContext } from "./panelContext";

// The server computes for seconds.
const REST_MS = 10_000;

/** Returns the importance of params, and why it could not be read; `number` is a column, or empty. */
export function createParamImportance(context: PanelContext, number: () => string) {
  const [found, setFound] = createSignal<Importance>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(false);
  const { list, live } = context;
  const query = createMemo((): RunQuery => {
    if (list) return { ...list.query(), topLevel: false, order: [] };
    const ids = live.runs().map((run) => run.id);
    const filter = ids.length ? `run_id IN (${idList(ids)})` : "run_id = ''";
    return { experimentIds: [], view: "ALL", filter };
  });
  const reads = new PacedWork(async (signal) => {
    setLoading(true);
    try {
      setFound(await readImportance(query(), searchKey(number()), signal));
      setError(undefined);
    } catch (failure) {
      if (signal.aborted) return;
      setError(shown(failure));
    }
    setLoading(false);
  }, REST_MS);
  const asked = createMemo(() => JSON.stringify([query(), number()]));
  createEffect(
    on(asked, () => {
      if (number()) void reads.startNow();
    }),
  );
  const changes = () => (list ? [list.lines(), list.total()] : live.runs());
  createEffect(on(changes, () => number() && reads.startSoon(), { defer: true }));
  onCleanup(() => reads.stop());
  return { found, error, loading };
}
