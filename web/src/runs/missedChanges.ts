// Changes that come while runs are read: the answer may be older than they are.

import { type Run, type RunPage, searchRuns } from "../api/runs";
import type { RunChange } from "../api/watch";
import { applyChange } from "./applyChange";

export function createMissedChanges() {
  let changes: RunChange[] = [];
  let readers = 0;

  const caughtUp = (run: Run, from: number) =>
    changes.slice(from).reduce((now, change) => {
      return change.run_id === run.id ? applyChange(now, change) : now;
    }, run);

  return {
    /** Takes what was committed, if somebody reads. */
    add: (more: RunChange[]) => {
      if (readers) changes.push(...more);
    },
    /** Searches as `searchRuns`; what came meanwhile is in the answer, too. */
    search: async (...asked: Parameters<typeof searchRuns>): Promise<RunPage> => {
      const from = changes.length;
      readers += 1;
      try {
        const page = await searchRuns(...asked);
        if (changes.length === from) return page;
        return { ...page, runs: page.runs.map((run) => caughtUp(run, from)) };
      } finally {
        readers -= 1;
        if (!readers) changes = [];
      }
    },
  };
}
