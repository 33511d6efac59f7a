// The groups of a list, with the runs of those that are unfolded, computed again as runs change.

import { onCleanup } from "solid-js";
import type { RunGroup } from "../api/runGroups";
import type { KeysAsked, RunQuery, searchRuns } from "../api/runs";
import { PacedWork } from "../parts/pacedWork";
import type { Asked } from "./asked";
import { createChildRuns } from "./childRuns";
import type { Column } from "./columns";
import { createGroups } from "./groups";

// Groups are computed again this long after a run changed.
const REGROUP_MS = 3_000;
// Finds no run: of a group that no filter can name.
const NOTHING = "run_id = ''";

export function createGroupedRuns(of: {
  asked: () => Asked;
  query: () => RunQuery;
  columns: () => Column[];
  /** What to return of the runs of a group. */
  keys: () => KeysAsked;
  /** Reads a page as `searchRuns` does. */
  read: typeof searchRuns;
  /** What ends when the list is read anew. */
  signal: () => AbortSignal;
  fail: (failure: unknown, signal: AbortSignal) => void;
}) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const work = new PacedWork(() => regroup(of.signal()));
  onCleanup(() => {
    clearTimeout(timer);
    work.stop();
  });
  const isGrouped = () => of.asked().groups.length > 0;
  const groups = createGroups(
    of.query,
    () => ({ ...of.asked(), by: of.asked().groups, columns: of.columns() }),
    of.fail,
  );
  const find = (id: string) => groups.groups().find((one) => one.id === id);
  /** Returns the filter that finds the runs of a group, and of those only what is asked for. */
  const filterOf = (group: RunGroup | undefined) => {
    const condition = group?.filter || NOTHING;
    const { filter } = of.asked();
    return filter ? `(${filter}) AND ${condition}` : condition;
  };
  const members = createChildRuns({
    query: (id) => ({ ...of.query(), filter: filterOf(find(id)), keys: of.keys() }),
    read: of.read,
    fail: of.fail,
  });

  const regroup = async (signal: AbortSignal) => {
    if (!isGrouped()) {
      groups.clear();
      return;
    }
    await groups.reload(signal);
    if (!signal.aborted) members.readAgain(signal);
  };
  const regroupSoon = () => {
    if (!isGrouped()) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      work.startSoon();
    }, REGROUP_MS);
  };

  return {
    isGrouped,
    /** The groups that are read, in their order. */
    groups: groups.groups,
    total: groups.total,
    need: groups.need,
    readAll: groups.readAll,
    /** The runs of groups that are unfolded. */
    members,
    has: (id: string) => !!find(id),
    filterOf,
    regroup,
    regroupSoon,
  };
}
