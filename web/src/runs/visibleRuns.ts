// Which runs the charts draw: the selected ones or the first, and what eyes were opened and closed.
// Where runs are grouped, the first groups are drawn, and of runs those whose eyes were opened.

import { createMemo } from "solid-js";
import { isGroupId } from "../api/runGroups";
import { idsOf, textOfIds, useChange, useText } from "../parts/address";

// Runs that are drawn if none are selected, and at most.
const FIRST = 10;
const FIRST_GROUPS = 20;
export const MOST_DRAWN = 100;

// Of the address: what to begin with, and the eyes that differ from it.
const EYES = "eyes";
const OPENED = "shown";
const CLOSED = "hidden";

export function createVisibleRuns(of: {
  /** Ids of the first runs that the list has, so many at most. */
  listed: (most: number) => string[];
  selected: () => string[];
  /** Ids of the groups that the list has; undefined where runs are not grouped. */
  groups: () => string[] | undefined;
}) {
  const [eyes] = useText(EYES);
  const [openedText] = useText(OPENED);
  const [closedText] = useText(CLOSED);
  const change = useChange();
  // Eyes of groups mean nothing once runs are not grouped any more.
  const listOf = (text = "") =>
    idsOf(text).filter((id) => of.groups() !== undefined || !isGroupId(id));
  const opened = createMemo(() => listOf(openedText()));
  const closed = createMemo(() => new Set(listOf(closedText())));
  const base = createMemo(() => {
    if (eyes() === "none") return [];
    const isAll = eyes() === "all";
    const groups = of.groups();
    if (groups) return groups.slice(0, isAll ? MOST_DRAWN : FIRST_GROUPS);
    if (isAll) return of.listed(MOST_DRAWN);
    return of.selected().length ? of.selected() : of.listed(FIRST);
  });
  const wanted = createMemo(() => {
    const groups = new Set(of.groups());
    const all = new Set([...base(), ...opened()]);
    const without = closed();
    return [...all].filter((id) => !without.has(id) && (!isGroupId(id) || groups.has(id)));
  });
  const drawn = createMemo(() => wanted().slice(0, MOST_DRAWN), [], {
    equals: (a, b) => a.join() === b.join(),
  });
  const ids = createMemo(() => new Set(drawn()));
  const some = (areGroups: boolean) => drawn().filter((id) => isGroupId(id) === areGroups);

  const toggle = (id: string) => {
    if (wanted().includes(id) && !ids().has(id)) return; // more than can be drawn
    const [to, from] = base().includes(id) ? [CLOSED, OPENED] : [OPENED, CLOSED];
    change((now) => {
      const there = listOf(now[to]);
      const rest = there.filter((other) => other !== id);
      return {
        [to]: textOfIds(rest.length < there.length ? rest : [...rest, id]),
        [from]: textOfIds(listOf(now[from]).filter((other) => other !== id)),
      };
    });
  };
  const setAll = (which: "" | "all" | "none") =>
    change({ [EYES]: which, [OPENED]: undefined, [CLOSED]: undefined });

  return {
    /** Ids of runs, in the order in which they are drawn. */
    drawn: createMemo(() => some(false)),
    /** Ids of groups. */
    drawnGroups: createMemo(() => some(true)),
    has: (id: string) => ids().has(id),
    /** How many would be drawn, if there was no limit. */
    wanted: () => wanted().length,
    /** Whether eyes decide, and not the selection or the beginning of the list. */
    isChosen: () => !!(eyes() || opened().length || closed().size),
    toggle,
    setAll,
  };
}

export type VisibleRuns = ReturnType<typeof createVisibleRuns>;
