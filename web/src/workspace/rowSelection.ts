// What a row selects: a run, a range of runs, or all runs of a group.

import { createMemo, createSignal } from "solid-js";
import type { RunGroup } from "../api/runGroups";
import { attempt } from "../parts/notices";
import { isGroup, isLine, type Row } from "../runs/rows";
import type { RunList } from "../runs/runList";

export function createRowSelection(of: {
  list: RunList;
  selected: Set<string>;
  select: (ids: string[], on: boolean) => void;
}) {
  // The ids of the runs of groups that somebody selected or that are unfolded.
  const [members, setMembers] = createSignal(new Map<string, string[]>());
  let anchor = 0;

  const unfolded = createMemo(() => {
    const found = new Map<string, string[]>();
    let group: RunGroup | undefined;
    for (const row of of.list.isGrouped() ? of.list.rows() : []) {
      if (isGroup(row)) {
        group = row.group;
      } else if (row && group) {
        found.set(group.id, [...(found.get(group.id) ?? []), row.run.id]);
      }
    }
    return found;
  });
  const stateOf = (group: RunGroup): "all" | "some" | "none" => {
    const ids = members().get(group.id) ?? unfolded().get(group.id) ?? [];
    const number = ids.filter((id) => of.selected.has(id)).length;
    if (!number) return "none";
    return number >= group.runs ? "all" : "some";
  };
  const pickGroup = (group: RunGroup) =>
    attempt(async () => {
      const on = stateOf(group) !== "all";
      const ids = await of.list.ids(group);
      setMembers((all) => new Map(all).set(group.id, ids));
      of.select(ids, on);
    });

  return {
    stateOf,
    isSelected: (row: Row) => {
      if (isGroup(row)) return stateOf(row.group) === "all";
      return !!row && of.selected.has(row.run.id);
    },
    pick: (index: number, range: boolean) => {
      const row = of.list.rows()[index];
      if (isGroup(row)) pickGroup(row.group);
      else if (row) {
        const [from, to] = [Math.min(anchor, index), Math.max(anchor, index)];
        const ids = of.list
          .rows()
          .slice(from, to + 1)
          .flatMap((one) => (isLine(one) ? one.run.id : []));
        of.select(range ? ids : [row.run.id], range || !of.selected.has(row.run.id));
      }
      anchor = index;
    },
    /** Selects all runs that are found, or none of them. */
    selectAll: (on: boolean) =>
      attempt(async () => of.select(on ? await of.list.ids() : [...of.selected], on)),
  };
}

export type RowSelection = ReturnType<typeof createRowSelection>;
