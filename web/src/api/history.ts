// Histories of metrics, as columns.

import { double, fetched, type Schemas } from "./client";

/** Points of one metric of one run, by step. Timestamps are milliseconds since the epoch. */
export interface History {
  runId: string;
  key: string;
  steps: number[];
  timestamps: number[];
  values: number[];
}

/** Steps to read, both included; all, where an end is missing. */
export interface StepRange {
  start?: number | undefined;
  end?: number | undefined;
}

/**
 * Reads one metric of runs, each thinned to at most `maxPoints` points so that no spike is lost; all
 * points, if that is 0.
 *
 * Two requests share the runs: one would have the server read them one after the other.
 */
export async function readHistories(
  runIds: string[],
  key: string,
  range: StepRange,
  maxPoints: number,
  signal?: AbortSignal,
): Promise<History[]> {
  const found = new Map<string, History>();
  const half = Math.ceil(runIds.length / 2);
  const shares = [runIds.slice(0, half), runIds.slice(half)].filter((share) => share.length);
  await Promise.all(
    shares.map(async (share) => {
      const query = new URLSearchParams({ metric_keys: key, max_points: String(maxPoints) });
      for (const runId of share) query.append("run_ids", runId);
      if (range.start !== undefined) query.set("start_step", String(Math.floor(range.start)));
      if (range.end !== undefined) query.set("end_step", String(Math.ceil(range.end)));
      const answer = await fetched(
        `api/1.0/runstream/metrics/history/stream?${query}`,
        signal && { signal },
      );
      for (const line of (await answer.text()).split("\n")) if (line) take(line, key, found);
    }),
  );
  return runIds.flatMap((runId) => found.get(runId) ?? []);
}

function take(line: string, key: string, found: Map<string, History>): void {
  const part = JSON.parse(line) as Schemas["ReadMetricHistoryResponse"];
  const runId = part.run_id ?? "";
  const history = found.get(runId) ?? { runId, key, steps: [], timestamps: [], values: [] };
  found.set(runId, history);
  const { step = [], timestamp = [], value = [] } = part.metrics ?? {};
  for (let i = 0; i < step.length; i++) {
    history.steps.push(step[i] ?? 0);
    history.timestamps.push(timestamp[i] ?? 0);
    history.values.push(double(value[i] ?? "NaN"));
  }
}

/** Takes the points of a history's metric in that were logged meanwhile; returns how many are new. */
export function merge(history: History, table: Schemas["MetricTable"]): number {
  const { keys = [], key = [], step = [], timestamp = [], value = [] } = table;
  const wanted = keys.indexOf(history.key);
  let added = 0;
  for (let i = 0; i < key.length; i++) {
    if (key[i] !== wanted) continue;
    if (insert(history, step[i] ?? 0, timestamp[i] ?? 0, double(value[i] ?? "NaN"))) added += 1;
  }
  return added;
}

function insert(history: History, step: number, timestamp: number, value: number): boolean {
  const { steps, timestamps, values } = history;
  let at = steps.length;
  while (at > 0 && (steps[at - 1] ?? 0) > step) at -= 1;
  // A watch may tell a point again that was read before.
  for (let i = at - 1; i >= 0 && steps[i] === step; i--)
    if (timestamps[i] === timestamp && Object.is(values[i], value)) return false;
  steps.splice(at, 0, step);
  timestamps.splice(at, 0, timestamp);
  values.splice(at, 0, value);
  return true;
}
