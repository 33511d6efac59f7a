// All points of a metric as a file, not only those that a chart has room for.

import { readHistories, type StepRange } from "../api/history";
import type { Run } from "../api/runs";
import { csv, save } from "../parts/save";

/** Saves the points of runs as CSV, those of a range of steps if one is given. */
export async function savePoints(metric: string, runs: Run[], range: StepRange): Promise<void> {
  const parts = [csv([["run_id", "run_name", "metric", "step", "timestamp", "value"]])];
  // One run after the other: together they may be more than fits into memory twice.
  for (const run of runs) {
    const [history] = await readHistories([run.id], metric, range, 0);
    const { steps = [], timestamps = [], values = [] } = history ?? {};
    const rows = steps.map((step, i) => [
      run.id,
      run.name,
      metric,
      step,
      timestamps[i] ?? 0,
      values[i] ?? Number.NaN,
    ]);
    parts.push(csv(rows));
  }
  save(`${metric}.csv`, new Blob(parts, { type: "text/csv;charset=utf-8" }));
}
