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
 * Reads one metric of runs, each thinned to at most `maxPoints` points so that no spike is lost.
 *
 * The runs are read two at a time, as many as the server's threads: one request would have them
 * read one after the other.
 */
export async function readHistories(
  runIds: string[],
  key: string,
  range: StepRange,
  maxPoints: number,
  signal: AbortSignal,
): Promise<History[]> {
  const waiting = runIds.map((runId) => ({ runId }));
  const found = new Map<string, History>();
  const reader = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const history = await readHistory(next.runId, key, range, maxPoints, signal);
      if (history.steps.length) found.set(next.runId, history);
    }
  };
  await Promise.all([reader(), reader()]);
  return runIds.flatMap((runId) => found.get(runId) ?? []);
}

async function readHistory(
  runId: string,
  key: string,
  range: StepRange,
  maxPoints: number,
  signal: AbortSignal,
): Promise<History> {
  const query = new URLSearchParams({ run_ids: runId, metric_keys: key });
  query.set("max_points", String(maxPoints));
  if (range.start !== undefined) query.set("start_step", String(Math.floor(range.start)));
  if (range.end !== undefined) query.set("end_step", String(Math.ceil(range.end)));
  const answer = await fetched(`api/1.0/runstream/metrics/history/stream?${query}`, { signal });
  const history: History = { runId, key, steps: [], timestamps: [], values: [] };
  for (const line of (await answer.text()).split("\n")) {
    if (!line) continue;
    const part = JSON.parse(line) as Schemas["ReadMetricHistoryResponse"];
    const { step = [], timestamp = [], value = [] } = part.metrics ?? {};
    for (let i = 0; i < step.length; i++) {
      history.steps.push(step[i] ?? 0);
      history.timestamps.push(timestamp[i] ?? 0);
      history.values.push(double(value[i] ?? "NaN"));
    }
  }
  return history;
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
