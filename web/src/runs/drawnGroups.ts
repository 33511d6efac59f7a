// The groups that charts draw, where the runs of a page are grouped.

import { createMemo } from "solid-js";
import type { Centre } from "../api/groupedHistories";
import type { RunGroup } from "../api/runGroups";
import type { Column } from "./columns";
import type { RunList } from "./runList";
import type { VisibleRuns } from "./visibleRuns";

export interface DrawnGroups {
  groups: RunGroup[];
  by: Column[];
  /** What stands for the runs of a group. */
  centre: Centre;
  /** Ids of runs that are drawn by themselves, too. */
  singles: Set<string>;
}

/** Returns the groups to draw; undefined where the runs are not grouped. */
export function createDrawnGroups(
  list: RunList,
  visible: VisibleRuns,
): () => DrawnGroups | undefined {
  return createMemo((): DrawnGroups | undefined => {
    if (!list.isGrouped()) return undefined;
    const drawn = new Set(visible.drawnGroups());
    return {
      groups: list.foundGroups().filter(({ id }) => drawn.has(id)),
      by: list.groups(),
      centre: list.statistic() === "median" ? "median" : "mean",
      singles: new Set(visible.drawn()),
    };
  });
}

/**
 * Returns the runs that are read one by one: those that are drawn, and of each group the latest and
 * the first, which tell what was logged and stand for it where single runs are shown. The latest alone
 * may have logged nothing yet.
 */
export function chartRuns(drawn: DrawnGroups | undefined, visible: VisibleRuns): string[] {
  const some = drawn?.groups.flatMap(({ runIds }) => [...runIds.slice(0, 1), ...runIds.slice(-1)]);
  return [...new Set([...(some ?? []), ...visible.drawn()])];
}
