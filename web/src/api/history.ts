// Histories of metrics, as columns.

import { fetched, type Schemas } from "./client";

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
      const lines = await readLines(share, key, range, maxPoints, signal);
      for (const line of lines) take(line, key, found);
    }),
  );
  return runIds.flatMap((runId) => found.get(runId) ?? []);
}

/** Reads all points of one metric of a run, each as the texts of its step, timestamp and value. */
export async function readTexts(runId: string, key: string, range: StepRange): Promise<string[][]> {
  const lines = await readLines([runId], key, range, 0);
  return lines.flatMap((line) => {
    const [steps = [], timestamps = [], values = []] = ["step", "timestamp", "value"].map((name) =>
      arrayTexts(line, name),
    );
    return steps.map((step, i) => [step, timestamps[i] ?? "", values[i] ?? ""]);
  });
}

async function readLines(
  runIds: string[],
  key: string,
  range: StepRange,
  maxPoints: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const query = new URLSearchParams({ metric_keys: key, max_points: String(maxPoints) });
  for (const runId of runIds) query.append("run_ids", runId);
  if (range.start !== undefined) query.set("start_step", int64(Math.floor(range.start)));
  if (range.end !== undefined) query.set("end_step", int64(Math.ceil(range.end)));
  const answer = await fetched(
    `api/1.0/runstream/metrics/history/stream?${query}`,
    signal && { signal },
  );
  return (await answer.text()).split("\n").filter(Boolean);
}

/** Returns the step that is nearest to a number. */
function int64(step: number): string {
  if (step >= 2 ** 63) return String(2n ** 63n - 1n);
  return String(step <= -(2 ** 63) ? -(2n ** 63n) : BigInt(step));
}

/**
 * Returns the members of an array of numbers in JSON as they are written: a step may have more
 * digits than a number here holds. In a text that looks like the array a quote would have a
 * backslash before it.
 */
function arrayTexts(json: string, name: string): string[] {
  const list = new RegExp(`[{,]\\s*"${name}"\\s*:\\s*\\[([^\\]]*)\\]`).exec(json)?.[1]?.trim();
  return list ? list.split(",").map((text) => text.trim().replaceAll('"', "")) : [];
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
    history.values.push(Number(value[i] ?? "NaN"));
  }
}

/** Takes the points of a history's metric in that were logged meanwhile; returns how many are new. */
export function merge(history: History, table: Schemas["MetricTable"]): number {
  const { keys = [], counts = [], step = [], timestamp = [], value = [] } = table;
  const wanted = keys.indexOf(history.key);
  if (wanted < 0) return 0;
  const first = counts.slice(0, wanted).reduce((sum, count) => sum + count, 0);
  let added = 0;
  for (let i = first; i < first + (counts[wanted] ?? 0); i++) {
    if (insert(history, step[i] ?? 0, timestamp[i] ?? 0, Number(value[i] ?? "NaN"))) added += 1;
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
