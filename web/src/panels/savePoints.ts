// All points of metrics as a file, not only those that a chart has room for.

import { ApiError } from "../api/client";
import { historyQuery, type StepRange } from "../api/history";
import { download, saveFile } from "../parts/saveFile";
import type { UnderWay } from "../parts/underWay";
import type { Made, Wanted } from "./pointsWorker";

/** Which points: those of runs, of metrics and within steps. */
interface Points {
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

/**
 * Saves points as Parquet, which the browser makes, until that is stopped; tells how far it is. Raises
 * ApiError if there are too many.
 */
export async function savePointsAsParquet(
  points: Points,
  name: string,
  { progress, signal }: UnderWay,
): Promise<void> {
  const path = `api/1.0/runstream/metrics/history/stream?${queryOf(points)}`;
  const wanted: Wanted = {
    url: new URL(path, document.baseURI).href,
    names: Object.fromEntries(points.runs.map(({ id, name }) => [id, name])),
  };
  const worker = new Worker(new URL("./pointsWorker.ts", import.meta.url), { type: "module" });
  const made = new Promise<Blob>((resolve, reject) => {
    const fail = (problem: string) => reject(new ApiError("NOT_SAVED", problem));
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.onerror = () => fail("The browser cannot make the file. CSV has all points.");
    worker.onmessage = ({ data }: MessageEvent<Made>) => {
      if ("points" in data) progress(`${data.points.toLocaleString()} points`);
      else if ("file" in data) resolve(data.file);
      else fail(data.problem);
    };
    worker.postMessage(wanted);
  });
  saveFile(name, await made.finally(() => worker.terminate()));
}

function queryOf({ metrics, runs, range }: Points): URLSearchParams {
  const [first = "", ...others] = metrics;
  const ids = runs.map((run) => run.id);
  const query = historyQuery(ids, first, range);
  for (const metric of others) query.append("metric_keys", metric);
  return query;
}
