// Histories of groups of runs on aligned steps, as the server computes them of all points.

import { ApiError, answered, api, double, long, type Schemas } from "./client";
import type { StepRange } from "./history";
import { forEach } from "./runs";

/** What stands for the values of the runs of a group at a step. */
export type Centre = "mean" | "median";

/** How far they are apart: their standard deviation, the least and the greatest, or not told. */
export const BANDS = ["deviation", "extremes", "none"] as const;
export type Band = (typeof BANDS)[number];

/** What to read. */
interface GroupedAsked {
  metrics: string[];
  /** Groups by their ids, which the answer has; of each at most 1,000 runs. */
  groups: { id: string; runIds: string[] }[];
  range: StepRange;
  /** The most points of a group and metric; the server may have room for fewer. */
  maxPoints: number;
  centre: Centre;
  band: Band;
}

/** One metric of one group, as columns by step; without a band there are no edges. */
export interface GroupedHistory {
  group: string;
  metric: string;
  steps: number[];
  counts: number[];
  /** How many runs have logged the metric. */
  runs: number;
  centre: number[];
  low: number[];
  high: number[];
}

// What one request may ask for (docs/limits.md).
const MOST_GROUPS = 100;
const MOST_RUNS = 1_000;
const MOST_METRICS = 10;
const LEAST_POINTS = 10;
const MOST_POINTS = 2_000;
const MOST_IN_ALL = 50_000;

const CENTRES = { mean: "CENTRE_MEAN", median: "CENTRE_MEDIAN" } as const;
const EDGES = {
  deviation: "BAND_DEVIATION",
  extremes: "BAND_EXTREMES",
  none: "BAND_UNSPECIFIED",
} as const;

/**
 * Reads what groups have in common, in as few requests as the contract allows. Returns histories with
 * points, and what is wrong with those of runs that are left out; raises ApiError.
 */
export async function readGroupedHistories(
  asked: GroupedAsked,
  signal: AbortSignal,
): Promise<{ histories: GroupedHistory[]; error: ApiError | undefined }> {
  const histories: GroupedHistory[] = [];
  let error: ApiError | undefined;
  await forEach(sharesOf(asked), async (share) => {
    const body = requestOf(share);
    const answer = await answered(
      api.POST("/api/1.0/runstream/metrics/grouped-history", { body, signal, ...long }),
    );
    histories.push(...(answer.histories ?? []).map(historyOf).filter(({ steps }) => steps.length));
    for (const one of answer.damaged ?? [])
      error ??= new ApiError("DATA_LOSS", `Left out: run ${one.run_id}: ${one.message}`);
  });
  return { histories, error };
}

/** Returns what each request asks for: groups that fit into one, and as many metrics as fit, too. */
function sharesOf(asked: GroupedAsked): GroupedAsked[] {
  return partsOf(asked.groups).flatMap((groups) => {
    const room = Math.floor(MOST_IN_ALL / groups.length);
    const most = Math.floor(Math.min(MOST_POINTS, asked.maxPoints, room));
    const maxPoints = Math.max(LEAST_POINTS, most);
    const size = Math.max(1, Math.min(MOST_METRICS, Math.floor(room / maxPoints)));
    const shares: GroupedAsked[] = [];
    for (let i = 0; i < asked.metrics.length; i += size)
      shares.push({ ...asked, groups, maxPoints, metrics: asked.metrics.slice(i, i + size) });
    return shares;
  });
}

function partsOf(groups: GroupedAsked["groups"]): GroupedAsked["groups"][] {
  const parts: GroupedAsked["groups"][] = [];
  let runs = MOST_RUNS;
  for (const group of groups.filter(({ runIds }) => runIds.length)) {
    const last = parts.at(-1);
    if (last && last.length < MOST_GROUPS && runs + group.runIds.length <= MOST_RUNS) {
      last.push(group);
      runs += group.runIds.length;
    } else {
      parts.push([group]);
      runs = group.runIds.length;
    }
  }
  return parts;
}

function requestOf({ groups, metrics, range, maxPoints, centre, band }: GroupedAsked) {
  const { start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = range;
  return {
    groups: groups.map(({ id, runIds }) => ({ name: id, run_ids: runIds })),
    metric_keys: metrics,
    // Beyond these are no steps.
    ...(start > -(2 ** 63) && { start_step: Math.floor(start) }),
    ...(end < 2 ** 63 && { end_step: Math.ceil(end) }),
    max_points: maxPoints,
    centre: CENTRES[centre],
    band: EDGES[band],
  };
}

function historyOf(history: Schemas["GroupedHistory"]): GroupedHistory {
  return {
    group: history.group ?? "",
    metric: history.metric_key ?? "",
    steps: history.step ?? [],
    counts: history.count ?? [],
    runs: history.run_count ?? 0,
    centre: (history.centre ?? []).map(double),
    low: (history.low ?? []).map(double),
    high: (history.high ?? []).map(double),
  };
}
