// The runs of a panel that is about more runs than are drawn as curves: all that the page found, with
// what the panel shows of them.

import { createMemo } from "solid-js";
import { countRuns, type Run, searchRuns } from "../api/runs";
import { type Column, keysOf, value } from "../runs/columns";
import type { PanelContext } from "./panelContext";
import { createPanelRead } from "./panelRead";

const PAGE = 1_000;
// So many are read at most; a panel says of how many.
const MOST_RUNS = 2_000;

/**
 * Returns runs with some columns, how many there are, and why they could not be read. Those of a page
 * that found runs are read while the panel is in sight, and again when something happens to them; child
 * runs are among them.
 */
export function createRunValues(
  context: PanelContext,
  columns: () => Column[],
  inSight: () => boolean,
) {
  const { list, live } = context;
  if (!list)
    return {
      runs: live.runs,
      total: () => live.runs().length,
      error: () => undefined,
      loading: () => false,
      again: () => {},
    };
  const query = createMemo(() => ({ ...list.query(), topLevel: false, keys: keysOf(columns()) }));
  const { found, error, loading, again } = createPanelRead({
    context,
    asked: createMemo(() => JSON.stringify(query())),
    shows: (run) => [
      ...[run.name, run.status, run.start, run.end, run.children],
      ...columns().map((column) => value(run, column)),
    ],
    inSight,
    read: async (signal) => {
      const now = query();
      const runs: Run[] = [];
      let token = "";
      do {
        const page = await searchRuns(now, PAGE, token, signal);
        runs.push(...page.runs);
        token = page.next;
      } while (token && runs.length < MOST_RUNS);
      const total = token ? await countRuns(now, signal) : runs.length;
      return { runs: runs.slice(0, MOST_RUNS), total };
    },
  });
  return {
    runs: () => found()?.runs ?? [],
    total: () => found()?.total,
    error,
    loading,
    again,
  };
}
