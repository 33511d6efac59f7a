// How much each param matters for a number of runs, as the server computes it.

import { answered, api, double, long } from "./client";
import type { RunQuery } from "./runs";

export interface ParamImportance {
  key: string;
  /** From 0 to 1. */
  importance: number;
  /** From -1 to 1; nothing, if values are no numbers. */
  correlation: number | undefined;
  runs: number;
  values: number;
}

export interface Importance {
  /** Nothing, if too few runs have the number. */
  method: "forest" | "correlation" | undefined;
  /** The most important first. */
  params: ParamImportance[];
  /** How many runs are found, were read, and have the number; how many of those read have NaN. */
  runs: number;
  read: number;
  used: number;
  nan: number;
  /** How many params differ. */
  differing: number;
  /** The share of the differences that a forest foretells. */
  score: number | undefined;
}

const METHODS: Record<string, Importance["method"]> = {
  IMPORTANCE_METHOD_PERMUTATION: "forest",
  IMPORTANCE_METHOD_RANK_CORRELATION: "correlation",
};

/** Returns how much params matter for `metrics.K`, `minimum.K`, `maximum.K` or `duration`. */
export async function readImportance(
  query: RunQuery,
  number: string,
  signal: AbortSignal,
): Promise<Importance> {
  const answer = await answered(
    api.POST("/api/1.0/runstream/runs/param-importance", {
      body: {
        experiment_ids: query.experimentIds,
        filter: query.filter ?? "",
        run_view_type: query.view ?? "ACTIVE_ONLY",
        number_key: number,
      },
      signal,
      ...long,
    }),
  );
  return {
    method: METHODS[answer.method ?? ""],
    params: (answer.params ?? []).map((param) => ({
      key: param.key ?? "",
      importance: double(param.importance ?? 0),
      correlation: param.correlation === undefined ? undefined : double(param.correlation),
      runs: param.run_count ?? 0,
      values: param.value_count ?? 0,
    })),
    runs: answer.run_count ?? 0,
    read: answer.read_run_count ?? 0,
    used: answer.used_run_count ?? 0,
    nan: answer.nan_run_count ?? 0,
    differing: answer.param_count ?? 0,
    score: answer.score === undefined ? undefined : double(answer.score),
  };
}
