// All points of metrics as a file, not only those that a chart has room for.

import { historyQuery, type StepRange } from "../api/history";
import { download } from "../parts/saveFile";

/**
 * Saves the points of runs as CSV. The server makes the file while the browser stores it, so it may
 * have any size.
 */
export function savePoints(metrics: string[], runIds: string[], range: StepRange): void {
  const [first = "", ...others] = metrics;
  const query = historyQuery(runIds, first, range);
  for (const metric of others) query.append("metric_keys", metric);
  download(`api/1.0/runstream/metrics/history/csv?${query}`);
}
