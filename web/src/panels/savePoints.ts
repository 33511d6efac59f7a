// All points of metrics as a file, not only those that a chart has room for.

import { ApiError } from "../api/client";
import { historyQuery, type StepRange } from "../api/history";
import { download, saveFile } from "../parts/saveFile";
import { workerAnswer } from "../parts/workerAnswer";
import type { Made, Wanted } from "./pointsWorker";

// How long the browser may be at work.
const LIMIT_MS = 10 * 60_000;

/** Which points: those of runs, of metrics and within steps. */
export interface Points {
  metrics: string[];
  runs: { id: string; name: string }[];
  range: StepRange;
}

/**
 * Saves points as CSV. The server makes the file while the browser stores it, so it may have any
 * size.
 */
export function savePoints(points: Points): void {
  download(`api/1.0/runstream/metrics/history/csv?${queryOf(points)}`);
}

/** Saves points as Parquet, which the browser makes; raises ApiError if there are too many. */
export async function savePointsAsParquet(points: Points, title: string): Promise<void> {
  const path = `api/1.0/runstream/metrics/history/stream?${queryOf(points)}`;
  const wanted: Wanted = {
    url: new URL(path, document.baseURI).href,
    names: Object.fromEntries(points.runs.map(({ id, name }) => [id, name])),
  };
  const worker = new Worker(new URL("./pointsWorker.ts", import.meta.url), { type: "module" });
  const made = await workerAnswer<Made>(worker, wanted, LIMIT_MS);
  if (!made)
    throw new ApiError("NOT_SAVED", "The browser cannot make the file. CSV has all points.");
  if ("problem" in made) throw new ApiError("NOT_SAVED", made.problem);
  saveFile(`${title}.parquet`, made.file);
}

function queryOf({ metrics, runs, range }: Points): URLSearchParams {
  const [first = "", ...others] = metrics;
  const ids = runs.map((run) => run.id);
  const query = historyQuery(ids, first, range);
  for (const metric of others) query.append("metric_keys", metric);
  return query;
}
