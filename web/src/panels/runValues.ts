// The runs of a panel that is about more runs than are drawn as curves: all that the page found, with
// what the panel shows of them.

import { createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { countRuns, type Run, searchRuns } from "../api/runs";
import { PacedWork } from "../parts/pacedWork";
import { type Column, keysOf } from "../runs/columns";
import type { PanelContext } from "./panelContext";

const PAGE = 1_000;
/** So many are read at most; a panel says of how many. */
export const MOST_RUNS = 2_000;

/**
 * Returns runs with some columns, how many there are, and why they could not be read. Those of a page
 * that found runs are read again when something happens to them; child runs are among them.
 */
export function createRunValues(context: PanelContext, columns: () => Column[]) {
  const [found, setFound] = createSignal<Run[]>([]);
  const [total, setTotal] = createSignal<number>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(!!context.list);
  const { list } = context;
  if (!list)
    return {
      runs: context.live.runs,
      total: () => context.live.runs().length,
      error,
      loading,
    };
  const query = createMemo(() => ({
    ...list.query(),
    topLevel: false,
    keys: keysOf(columns()),
  }));
  const reads = new PacedWork(async (signal) => {
    setLoading(true);
    const now = query();
    try {
      const runs: Run[] = [];
      let token = "";
      do {
        const page = await searchRuns(now, PAGE, token, signal);
        runs.push(...page.runs);
        token = page.next;
      } while (token && runs.length < MOST_RUNS);
      const all = token ? await countRuns(now, signal) : runs.length;
      setFound(runs.slice(0, MOST_RUNS));
      setTotal(all);
      setError(undefined);
    } catch (failure) {
      if (signal.aborted) return;
      setError(shown(failure));
    }
    setLoading(false);
  });
  const asked = createMemo(() => JSON.stringify(query()));
  createEffect(on(asked, () => void reads.startNow()));
  createEffect(on([list.lines, list.total], () => reads.startSoon(), { defer: true }));
  onCleanup(() => reads.stop());
  return { runs: found, total, error, loading };
}
