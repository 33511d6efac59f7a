// All points of a metric as a file, not only those that a chart has room for.

import { readTexts, type StepRange } from "../api/history";
import type { Run } from "../api/runs";
import { csv, saveFile } from "../parts/saveFile";

/** Saves the points of runs as CSV, those of a range of steps if one is given. */
export async function savePoints(metric: string, runs: Run[], range: StepRange): Promise<void> {
  const parts = [csv([["run_id", "run_name", "metric", "step", "timestamp", "value"]])];
  // One run after the other: together they may be more than fits into memory twice.
  for (const run of runs) {
    const points = await readTexts(run.id, metric, range);
    parts.push(csv(points.map((point) => [run.id, run.name, metric, ...point])));
  }
  saveFile(`${metric}.csv`, new Blob(parts, { type: "text/csv;charset=utf-8" }));
}
