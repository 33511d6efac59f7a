// The groups of the runs that a list finds, read page by page as they are needed.

import { createMemo, createSignal } from "solid-js";
import { type Grouping, groupRuns, type RunGroup, type Statistic } from "../api/runGroups";
import type { RunQuery } from "../api/runs";
import { short } from "../parts/format";
import { type Column, numberText, parts, searchKey, title } from "./columns";

const PAGE = 100;
// Groups that are read ahead of those in sight.
const AHEAD = 50;

/** By what runs are grouped, and what is shown of each group. */
interface GroupsAsked {
  by: Column[];
  columns: Column[];
  sort: { column: Column; descending: boolean } | undefined;
  statistic: Statistic;
}

export function createGroups(
  query: () => RunQuery,
  asked: () => GroupsAsked,
  fail: (failure: unknown, signal: AbortSignal) => void,
) {
  const [groups, setGroups] = createSignal<RunGroup[]>([]);
  const [total, setTotal] = createSignal(0);
  const grouping = createMemo(() => groupingOf(asked()));
  let next = "";
  let needed = 0;
  let reading: AbortSignal | undefined;

  /** Reads all groups that were read, anew; what is there stays until then. */
  const reload = async (signal: AbortSignal) => {
    const limit = Math.max(PAGE, Math.min(5_000, groups().length));
    try {
      const page = await groupRuns(query(), grouping(), limit, "", signal);
      if (signal.aborted) return;
      setGroups(page.groups);
      setTotal(page.groupCount);
      next = page.next;
      readOn(signal);
    } catch (failure) {
      fail(failure, signal);
    }
  };

  const readOn = async (signal: AbortSignal) => {
    if (reading && !reading.aborted) return;
    reading = signal;
    try {
      while (next && groups().length < needed + AHEAD && !signal.aborted) {
        const page = await groupRuns(query(), grouping(), PAGE, next, signal);
        next = page.next;
        setGroups((all) => [...all, ...page.groups]);
      }
    } catch (failure) {
      fail(failure, signal);
    } finally {
      if (reading === signal) reading = undefined;
    }
  };

  return {
    groups,
    total,
    reload,
    clear: () => setGroups([]),
    need: (index: number, signal: AbortSignal) => {
      needed = index;
      readOn(signal);
    },
    readAll: async (signal: AbortSignal) => {
      needed = Number.MAX_SAFE_INTEGER;
      while (next && !signal.aborted) {
        await readOn(signal);
        await Promise.resolve();
      }
    },
  };
}

function groupingOf({ by, columns, sort, statistic }: GroupsAsked): Grouping {
  const numbers = columns.filter(isNumber);
  const sortable = sort && [...numbers, ...by].includes(sort.column);
  return {
    by: by.map(searchKey),
    numbers: numbers.map(searchKey),
    texts: columns.filter(isText).map(searchKey),
    order: sortable ? `${searchKey(sort.column)} ${sort.descending ? "DESC" : "ASC"}` : "",
    statistic,
  };
}

/** Returns the values of a group in one line. */
export function groupTitle(group: RunGroup, by: Column[]): string {
  return by.map((column, i) => `${title(column)} ${group.names[i]}`).join(", ");
}

/** Returns what a group has in a column: a number, a text that all its runs have, or null. */
export function groupValue(
  group: RunGroup,
  column: Column,
  statistic: Statistic,
): number | string | null {
  if (column === "start_time") return group.latestStart;
  const key = searchKey(column);
  const numbers = group.numbers.get(key);
  if (numbers) return numbers[statistic] ?? (numbers.nans ? Number.NaN : null);
  const texts = group.texts.get(key);
  if (!texts) return null;
  return texts.count > 1 ? `${texts.count} values` : texts.value;
}

/** Returns what the cell of a group shows. */
export function groupText(group: RunGroup, column: Column, statistic: Statistic): string {
  const found = groupValue(group, column, statistic);
  if (found === null) return "";
  return typeof found === "number" ? numberText(column, found) : short(found);
}

function isNumber(column: Column): boolean {
  return ["metrics", "minimum", "maximum", "duration"].includes(parts(column)[0]);
}

function isText(column: Column): boolean {
  return ["params", "tags", "user_id"].includes(parts(column)[0]);
}
