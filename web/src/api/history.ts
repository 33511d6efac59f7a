// Histories of metrics, as columns.

import { ApiError, fetched, type Schemas, told } from "./client";
import { forEach } from "./runs";
import { addSmoothing, insertSmoothed, type SmoothedLine, type Smoothing } from "./smoothing";
import type { RunChange } from "./watch";

/** Steps to read, both included; all, where an end is missing. */
export interface StepRange {
  start?: number | undefined;
  end?: number | undefined;
}

/**
 * Points of one metric of one run, by step, that were read of a range of steps. Timestamps are
 * milliseconds since the epoch.
 */
export interface History {
  runId: string;
  range: StepRange;
  steps: number[];
  timestamps: number[];
  values: number[];
  smoothed?: SmoothedLine;
  /** How many points that came later were put between others. */
  inserts?: number;
}

/** Histories that were read, and why others could not be. */
interface Histories {
  histories: History[];
  error?: ApiError | undefined;
}

/**
 * Reads one metric of runs, each thinned to at most `maxPoints` points so that no spike is lost.
 * There is a history for each run, in their order; that of a run without points has none. Points have
 * smoothed values beside them, if it is said how.
 */
export async function readHistories(
  key: string,
  ranges: Map<string, StepRange>,
  maxPoints: number,
  signal: AbortSignal,
  smoothing?: Smoothing,
): Promise<Histories> {
  const histories = new Map<string, History>();
  for (const [runId, range] of ranges) histories.set(runId, newHistory(runId, range, smoothing));
  let error: ApiError | undefined;
  const query = (runIds: string[], range: StepRange) => {
    const found = historyQuery(runIds, key, range);
    found.set("max_points", String(maxPoints));
    if (smoothing) addSmoothing(found, smoothing);
    return found;
  };
  const read = async ({ runIds, range }: Share): Promise<void> => {
    try {
      const lines = await readLines(query(runIds, range), signal);
      for (const line of lines) take(line, histories);
    } catch (failure) {
      // Points of one run are damaged: the others are shown.
      if (!(failure instanceof ApiError && failure.code === "DATA_LOSS")) throw failure;
      if (runIds.length === 1) error = failure;
      else for (const runId of runIds) await read({ runIds: [runId], range });
    }
  };
  await forEach(sharesOf(ranges), read);
  return { histories: [...histories.values()], error };
}

function newHistory(runId: string, range: StepRange, smoothing: Smoothing | undefined): History {
  const history: History = { runId, range, steps: [], timestamps: [], values: [] };
  if (smoothing) history.smoothed = { smoothing, values: [], weight: 0 };
  return history;
}

/** Runs that one request reads. */
interface Share {
  runIds: string[];
  range: StepRange;
}

/**
 * Returns what each request reads: runs of which the same steps are wanted share two, for the server
 * reads those of one request one after the other.
 */
function sharesOf(ranges: Map<string, StepRange>): Share[] {
  const byRange = new Map<string, Share>();
  for (const [runId, range] of ranges) {
    const name = `${range.start} ${range.end}`;
    const share = byRange.get(name) ?? { runIds: [], range };
    byRange.set(name, share);
    share.runIds.push(runId);
  }
  return [...byRange.values()].flatMap(({ runIds, range }) => {
    const half = Math.ceil(runIds.length / 2);
    const halves = [runIds.slice(0, half), runIds.slice(half)];
    return halves.filter((ids) => ids.length).map((ids) => ({ runIds: ids, range }));
  });
}

async function readLines(query: URLSearchParams, signal: AbortSignal): Promise<string[]> {
  const path = `api/1.0/runstream/metrics/history/stream?${query}`;
  const answer = await fetched(path, "x-ndjson", { signal });
  const lines = (await answer.text()).split("\n").filter(Boolean);
  const last = lines.at(-1) ?? "";
  if (last.startsWith('{"error_code"')) {
    throw told(JSON.parse(last), answer.status);
  }
  return lines;
}

/** Returns the query that names points of a metric. */
export function historyQuery(runIds: string[], key: string, range: StepRange): URLSearchParams {
  const query = new URLSearchParams({ metric_keys: key });
  for (const runId of runIds) query.append("run_ids", runId);
  const { start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = range;
  if (start > -Infinity) query.set("start_step", int64(Math.floor(start)));
  if (end < Infinity) query.set("end_step", int64(Math.ceil(end)));
  return query;
}

/** Returns the step that is nearest to a number. */
function int64(step: number): string {
  if (step >= 2 ** 63) return String(2n ** 63n - 1n);
  return String(step <= -(2 ** 63) ? -(2n ** 63n) : BigInt(step));
}

function take(line: string, histories: Map<string, History>): void {
  const part = JSON.parse(line) as Schemas["ReadMetricHistoryResponse"];
  const history = histories.get(part.run_id ?? "");
  if (!history) return;
  const { step = [], timestamp = [], value = [] } = part.metrics ?? {};
  for (let i = 0; i < step.length; i++) {
    history.steps.push(step[i] ?? 0);
    history.timestamps.push(timestamp[i] ?? 0);
    history.values.push(Number(value[i] ?? "NaN"));
  }
  if (!history.smoothed) return;
  for (const smoothed of part.smoothed ?? []) history.smoothed.values.push(Number(smoothed));
  history.smoothed.weight = Number(part.smoothing_weight ?? 0);
}

/** Points of one run that were logged to the metric of a chart. */
export interface Arrival {
  runId: string;
  steps: number[];
  timestamps: number[];
  values: number[];
}

/** Returns the points of a metric that a change tells of. */
export function arrivalOf(change: RunChange, key: string): Arrival | undefined {
  const { keys = [], counts = [], step = [], timestamp = [], value = [] } = change.metrics ?? {};
  const wanted = keys.indexOf(key);
  if (wanted < 0) return undefined;
  const first = counts.slice(0, wanted).reduce((sum, count) => sum + count, 0);
  const end = first + (counts[wanted] ?? 0);
  return {
    runId: change.run_id ?? "",
    steps: step.slice(first, end),
    timestamps: timestamp.slice(first, end),
    values: value.slice(first, end).map((one) => Number(one)),
  };
}

/** Takes points into the history of their run; those of steps that it was not read for are left out. */
export function merge(histories: History[], arrival: Arrival): void {
  const history = histories.find(({ runId }) => runId === arrival.runId);
  if (!history) return;
  const { start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = history.range;
  for (const [i, step] of arrival.steps.entries()) {
    if (step < start || step > end) continue;
    insert(history, step, arrival.timestamps[i] ?? 0, arrival.values[i] ?? Number.NaN);
  }
}

function insert(history: History, step: number, timestamp: number, value: number): void {
  const { steps, timestamps, values } = history;
  let at = steps.length;
  while (at > 0 && (steps[at - 1] ?? 0) > step) at -= 1;
  // A watch may tell a point again that was read before.
  for (let i = at - 1; i >= 0 && steps[i] === step; i--)
    if (timestamps[i] === timestamp && Object.is(values[i], value)) return;
  if (at < steps.length) history.inserts = (history.inserts ?? 0) + 1;
  steps.splice(at, 0, step);
  timestamps.splice(at, 0, timestamp);
  values.splice(at, 0, value);
  if (history.smoothed) insertSmoothed(history.smoothed, steps, at, value);
}
