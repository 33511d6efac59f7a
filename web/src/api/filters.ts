// What helps to write a filter: the values of a key, and what may be a mistake.

import { answered, api } from "./client";

/** Values of a key with the number of runs that have each, and the range of those that are numbers. */
export interface Values {
  values: { value: string; runs: number }[];
  minimum: number | undefined;
  maximum: number | undefined;
}

export type View = "ACTIVE_ONLY" | "DELETED_ONLY";

/** Returns the most frequent values of a key that contain a text. */
export async function listValues(
  experimentId: string,
  key: string,
  contains: string,
  view: View,
): Promise<Values> {
  const query = { experiment_ids: [experimentId], key, contains, run_view_type: view };
  const { values, minimum, maximum } = await answered(
    api.GET("/api/1.0/runstream/runs/list-values", { params: { query } }),
  );
  return {
    values: (values ?? []).map(({ value = "", runs = 0 }) => ({ value, runs: Number(runs) })),
    minimum: minimum === undefined ? undefined : Number(minimum),
    maximum: maximum === undefined ? undefined : Number(maximum),
  };
}

/** A sentence about a key of a filter, where it stands, and what may be meant. */
interface FilterHint {
  column: number;
  message: string;
  similar: string[];
}

/** Returns what may be a mistake in a filter that finds nothing. */
export async function readFilterHints(
  experimentId: string,
  filter: string,
  view: View,
): Promise<FilterHint[]> {
  const { hints } = await answered(
    api.POST("/api/1.0/runstream/runs/get-filter-hints", {
      body: { experiment_ids: [experimentId], filter, run_view_type: view },
    }),
  );
  return (hints ?? []).map(({ column = 1, message = "", similar = [] }) => ({
    column,
    message,
    similar,
  }));
}
