// When something happened to the runs that a page found, as far as a panel shows it.

import { createMemo } from "solid-js";
import type { Run } from "../api/runs";
import type { PanelContext } from "./panelContext";

export interface Shown {
  context: PanelContext;
  /** What the panel is about, as a text. */
  asked: () => string;
  /** What of a run it is made of. */
  shows: (run: Run) => (string | number | null)[];
  /** Whether it is in sight: while it is not, changes wait. */
  inSight: () => boolean;
}

/**
 * Returns a number that grows when runs come or go, or when what `shows` of one is other than before:
 * not with each point of another metric, nor with runs that the list reads while it is scrolled.
 */
export function createFoundChanges({ context, asked, shows, inSight }: Shown): () => number {
  const { list, live } = context;
  let before = new Map<string, { run: Run; shown: string }>();
  let total: number | undefined;
  let of = "";
  const shownOf = (run: Run) => {
    const old = before.get(run.id);
    return old?.run === run ? old : { run, shown: shows(run).join("\0") };
  };
  return createMemo((times) => {
    if (!inSight()) return times;
    if (of !== asked()) before = new Map();
    of = asked();
    const runs = list ? list.lines().map((line) => line.run) : live.runs();
    const now = new Map(runs.map((run) => [run.id, shownOf(run)]));
    const isOther = ([id, { shown }]: [string, { shown: string }]) =>
      (before.get(id)?.shown ?? shown) !== shown;
    const totalNow = list ? list.total() : runs.length;
    const changed = total !== totalNow || [...now].some(isOther);
    [before, total] = [now, totalNow];
    return changed ? times + 1 : times;
  }, 0);
}
