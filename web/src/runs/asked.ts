// What a list of runs is asked for, and the searches that this means.

import type { Statistic } from "../api/runGroups";
import { idList, PARENT_TAG, type RunQuery } from "../api/runs";
import type { Column } from "./columns";

/** What to list. */
export interface Asked {
  experimentId: string;
  filter: string;
  order: string[];
  view: "ACTIVE_ONLY" | "DELETED_ONLY";
  /** Whether child runs are folded under their parents. */
  nested: boolean;
  /** What is shown of each run; empty until somebody chooses. */
  columns: Column[];
  /** By what runs are grouped; by nothing, if it is empty. */
  groups: Column[];
  sort: { column: Column; descending: boolean } | undefined;
  statistic: Statistic;
}

export function queryOf(asked: Asked): RunQuery {
  return {
    experimentIds: [asked.experimentId],
    filter: asked.filter,
    order: asked.order,
    view: asked.view,
    // What a filter finds is listed flat: a child may be found where its parent is not.
    topLevel: asked.nested && !asked.filter && !asked.groups.length,
  };
}

/** Returns the search that finds the child runs of these runs. */
export function childrenOf(asked: Asked, parents: string[]): RunQuery {
  const filter = `tags.${PARENT_TAG} IN (${idList(parents)})`;
  return { ...queryOf(asked), filter, topLevel: false };
}
