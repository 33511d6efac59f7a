// Runs in groups of the same values, as the server computes them.

import { answered, api, double, type Schemas } from "./client";
import type { RunQuery } from "./runs";

/** What is shown of the numbers of a group. */
export const STATISTICS = ["mean", "median", "minimum", "maximum", "deviation"] as const;
export type Statistic = (typeof STATISTICS)[number];

/** Returns the statistic of an address; the mean, if it names none. */
export function statisticOf(text: string): Statistic {
  return STATISTICS.find((one) => one === text) ?? "mean";
}

/** Statistics of the numbers of a group, without those that are NaN. */
interface Numbers extends Record<Statistic, number | null> {
  count: number;
  nans: number;
}

/** How many values runs have, and the one that all have. */
interface Texts {
  count: number;
  value: string | null;
}

export interface RunGroup {
  /** Tells the group from others that have other values of the same keys. */
  id: string;
  /** Values of the keys, in their order; null where runs have none. */
  values: (string | null)[];
  /** What values are called: a parent by its name. */
  names: string[];
  /** What finds its runs; empty if no filter can. */
  filter: string;
  runs: number;
  statuses: { status: Schemas["RunStatus"]; count: number }[];
  latestStart: number;
  /** Ids of its runs, the latest first: all, or 1,000. */
  runIds: string[];
  /** By the keys that were asked for. */
  numbers: Map<string, Numbers>;
  texts: Map<string, Texts>;
}

// Ids of runs that are told of a group: charts can draw so many.
const MOST_IDS = 1_000;

export interface Grouping {
  by: string[];
  numbers: string[];
  texts: string[];
  order: string;
  statistic: Statistic;
}

interface GroupPage {
  groups: RunGroup[];
  next: string;
  /** Of all pages. */
  groupCount: number;
  runCount: number;
}

/** Returns a page of the groups of the runs that a query finds; raises ApiError. */
export async function groupRuns(
  query: RunQuery,
  grouping: Grouping,
  limit: number,
  token = "",
  signal?: AbortSignal,
): Promise<GroupPage> {
  const answer = await answered(
    api.POST("/api/1.0/runstream/runs/group", {
      body: {
        experiment_ids: query.experimentIds,
        filter: query.filter ?? "",
        run_view_type: query.view ?? "ACTIVE_ONLY",
        by: grouping.by,
        number_keys: grouping.numbers,
        text_keys: grouping.texts,
        order_by: grouping.order,
        order_statistic: `STATISTIC_${grouping.statistic.toUpperCase()}` as Schemas["Statistic"],
        max_results: limit,
        max_run_ids: MOST_IDS,
        page_token: token,
      },
      ...(signal && { signal }),
    }),
  );
  return {
    groups: (answer.groups ?? []).map((group) => groupOf(group, grouping)),
    next: answer.next_page_token ?? "",
    groupCount: answer.group_count ?? 0,
    runCount: answer.run_count ?? 0,
  };
}

/** Ids of groups, by the values of their keys, are told from those of runs. */
function groupId(values: (string | null)[]): string {
  return JSON.stringify(values);
}

export function isGroupId(id: string): boolean {
  return id.startsWith("[");
}

function groupOf(group: Schemas["RunGroup"], { numbers, texts }: Grouping): RunGroup {
  const values = (group.values ?? []).map(({ value }) => value ?? null);
  return {
    id: groupId(values),
    values,
    names: (group.values ?? []).map(({ value, run_name }) => run_name || value || "none"),
    filter: group.filter ?? "",
    runs: group.run_count ?? 0,
    statuses: (group.statuses ?? []).map(({ status, count }) => ({
      status: status ?? "RUN_STATUS_UNSPECIFIED",
      count: count ?? 0,
    })),
    latestStart: group.latest_start ?? 0,
    runIds: group.run_ids ?? [],
    numbers: new Map(numbers.map((key, i) => [key, numbersOf(group.numbers?.[i])])),
    texts: new Map(
      texts.map((key, i) => {
        const { value_count, value } = group.texts?.[i] ?? {};
        return [key, { count: value_count ?? 0, value: value ?? null }];
      }),
    ),
  };
}

function numbersOf(found: Schemas["NumberStatistics"] = {}): Numbers {
  const number = (value: Schemas["NumberStatistics"]["mean"]) =>
    value === undefined ? null : double(value);
  return {
    count: found.count ?? 0,
    nans: found.nan_count ?? 0,
    mean: number(found.mean),
    median: number(found.median),
    minimum: number(found.minimum),
    maximum: number(found.maximum),
    deviation: number(found.deviation),
  };
}
