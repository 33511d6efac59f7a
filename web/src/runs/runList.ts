// The runs that an experiment's page lists, parents with their child runs, kept up to date.

import { batch, createEffect, createMemo, createSignal, on, untrack } from "solid-js";
import type { RunGroup } from "../api/runGroups";
import { countRuns, idList, PARENT_TAG, type Run, searchRuns } from "../api/runs";
import type { RunChange } from "../api/watch";
import { textOf } from "../parts/address";
import { applyChange } from "./applyChange";
import { type Asked, childrenOf, queryOf } from "./asked";
import { createChildRuns } from "./childRuns";
import { defaults, keysOf, NAME } from "./columns";
import { followExperiment } from "./followExperiment";
import { createGroupedRuns } from "./groupedRuns";
import { createMissedChanges } from "./missedChanges";
import {
  childrenBelow,
  groupRows,
  idOf,
  isGroup,
  isLine,
  type Line,
  type Row,
  runRows,
} from "./rows";
import { createSearchPages, readEach } from "./searchPages";

const SAMPLE = 20;
const NO_SAMPLE = { first: [] as Run[], now: [] as Run[], children: [] as Run[] };

export function createRunList(asked: () => Asked) {
  // Of what columns to begin with are chosen. In another order other runs are first: what the former
  // ones differ in stays.
  const [sample, setSample] = createSignal(NO_SAMPLE);
  const [created, setCreated] = createSignal(0);
  const [ofAll, setOfAll] = createSignal<number>();
  let listed = "";

  const chosen = createMemo(() => {
    const { first, now, children } = sample();
    const begin = defaults([...first, ...now, ...children]);
    const sorted = asked().sort?.column;
    return !sorted || [NAME, ...begin].includes(sorted) ? begin : [...begin, sorted];
  });
  // Names are always shown; where nothing else is, they alone are in the address.
  const columns = createMemo(() =>
    asked().columns.length ? asked().columns.filter((column) => column !== NAME) : chosen(),
  );
  const keys = () => keysOf([...columns(), `tags.${PARENT_TAG}`]);
  const query = createMemo(() => queryOf(asked()));
  const missed = createMissedChanges();
  const pages = createSearchPages({
    read: missed.search,
    // Columns are chosen among all that the first runs have, unless somebody chose.
    query: () => ({ ...query(), ...(asked().columns.length && { keys: keys() }) }),
    keys,
    // The rows of groups are groups, and the runs of those that unfold are read for themselves.
    readsOn: () => !isGrouped(),
    begun: (runs, signal) => {
      const which = JSON.stringify([{ ...query(), order: [] }, asked().groups]);
      const isOther = which !== listed;
      if (isOther) {
        unfolded.foldAll();
        members.foldAll();
      }
      listed = which;
      setCreated(0);
      countAll(signal);
      setSample((before) => (isOther ? { ...NO_SAMPLE, first: runs } : { ...before, now: runs }));
      if (!asked().columns.length) chooseAmongChildren(runs, signal);
      unfolded.readAgain(signal);
      grouped.regroup(signal);
    },
  });
  const unfolded = createChildRuns({
    query: (parent) => ({ ...childrenOf(asked(), [parent]), keys: keys() }),
    read: missed.search,
    fail: pages.fail,
  });

  const grouped = createGroupedRuns({
    asked,
    query,
    columns,
    keys,
    read: missed.search,
    signal: () => pages.signal(),
    fail: (failure, signal) => pages.fail(failure, signal),
  });
  const { isGrouped, groups, members } = grouped;

  const countAll = (signal: AbortSignal) => {
    setOfAll(undefined);
    if (!query().topLevel) return;
    countRuns({ ...query(), topLevel: false }, signal)
      .then(setOfAll)
      .catch(() => {});
  };

  /** Parents often log little themselves: what to begin with is what their children have, too. */
  const chooseAmongChildren = async (runs: Run[], signal: AbortSignal) => {
    const parents = runs.filter((run) => run.children).map((run) => run.id);
    if (!query().topLevel || !parents.length) return;
    const search = { ...childrenOf(asked(), parents), order: [] };
    const some = await searchRuns(search, SAMPLE, "", signal).catch(() => undefined);
    if (some && !signal.aborted) setSample((before) => ({ ...before, children: some.runs }));
  };

  const rows = createMemo<Row[]>((before) => {
    const content = { childRuns: unfolded.lists(), nested: !!query().topLevel };
    if (isGrouped()) return groupRows(before, groups(), grouped.total(), members.lists(), content);
    const runs = pages.runs();
    return runRows(before, runs, pages.total() ?? runs.length, content);
  }, []);

  /** The runs that are read, in their order. */
  const lines = createMemo<Line[]>(() => {
    if (!isGrouped()) return rows().filter(isLine);
    const found = new Map<string, Line>();
    for (const row of rows()) if (isLine(row)) found.set(row.run.id, row);
    for (const run of pages.runs())
      if (run && !found.has(run.id)) found.set(run.id, { run, depth: 0, children: 0 });
    return [...found.values()];
  });

  /** Says which rows are looked at. */
  const need = (from: number, to: number) => untrack(() => look(from, to));
  const look = (from: number, to: number) => {
    if (isGrouped()) return grouped.need(to, pages.signal());
    const all = rows();
    let place = -1;
    let start = 0;
    for (let index = 0; index <= Math.min(to, all.length - 1); index++) {
      if (!all[index]?.depth) place += 1;
      if (index === from) start = place;
    }
    pages.need(start, Math.max(start, place));
  };

  const known = createMemo(() => new Set(lines().map((line) => line.run.id)));

  const replace = (change: (run: Run) => Run | undefined) =>
    batch(() => {
      pages.replace(change);
      unfolded.replace(change);
      members.replace(change);
    });

  const patch = (changes: Map<string, RunChange[]>) => {
    const parents = new Set<string>();
    let orphans = false;
    replace((run) => {
      const news = changes.get(run.id);
      if (!news) return run;
      const now = news.reduce(applyChange, run);
      const purged = news.some((change) => change.purged);
      const isHere = now.experimentId === asked().experimentId;
      if (isHere && !purged && now.deleted === (asked().view === "DELETED_ONLY")) return now;
      parents.add(run.tags.get(PARENT_TAG) ?? "");
      orphans ||= run.children > 0;
      return undefined;
    });
    // The children of a run that is gone are in the list themselves.
    if (orphans) pages.reload();
    else recount(parents);
  };

  /** Reads how many child runs these have, and those of them that are unfolded. */
  const recount = async (parents: Set<string>) => {
    const ids = [...parents].filter((id) => known().has(id));
    if (!ids.length) return;
    const search = { ...query(), filter: `run_id IN (${idList(ids)})`, topLevel: false };
    const none = { metrics: [], params: [], tags: [] };
    const page = await searchRuns({ ...search, keys: none }, ids.length).catch(() => undefined);
    const counts = new Map(page?.runs.map((run) => [run.id, run.children]));
    replace((run) => {
      const children = counts.get(run.id) ?? run.children;
      return children === run.children ? run : { ...run, children };
    });
    unfolded.readAgain(pages.signal(), ids);
  };

  const lookForNew = async () => {
    const number = await countRuns(query()).catch(() => 0);
    const more = number - (pages.total() ?? number);
    if (more <= 0) return;
    // At the top of the list is where new runs stand, unless somebody asked for another order.
    if (pages.isAtTop() && !asked().order.length) pages.reload();
    else setCreated(more);
  };

  // The order of groups is another search; that of runs is in the query.
  const groupOrder = () => (isGrouped() ? asked().statistic : "");
  createEffect(
    on(
      [query, () => textOf(asked().columns), () => textOf(asked().groups), groupOrder],
      pages.reload,
      { defer: true },
    ),
  );

  followExperiment({
    experimentId: () => asked().experimentId,
    begin: pages.reload,
    has: (id) => known().has(id),
    told: (changes) => {
      missed.add(changes);
      grouped.regroupSoon(); // a group has runs that are not in the list
    },
    patch,
    others: lookForNew,
    grew: recount,
  });

  const { total, error, loading, reload } = pages;
  return {
    /** What stands in each row: runs and groups, and nothing where that is not read. */
    rows,
    query,
    lines,
    columns,
    total,
    /** How many runs there are with child runs, where those are folded. */
    totalOfAll: ofAll,
    isGrouped,
    groups: () => asked().groups,
    /** The groups that are read, in their order. */
    foundGroups: groups,
    /** Their ids; undefined where runs are not grouped. */
    groupIds: createMemo(() => (isGrouped() ? groups().map(({ id }) => id) : undefined)),
    /** How many groups there are. */
    groupCount: grouped.total,
    statistic: createMemo(() => asked().statistic),
    error,
    loading,
    created,
    reload,
    need,
    /** The ids of runs and groups that are unfolded. */
    unfolded: () => [...unfolded.ids(), ...members.ids()],
    /** Unfolds runs and groups, as far as they are read; returns whether all have what is under them. */
    unfold: (ids: string[]) => {
      for (const id of ids) {
        if (unfolded.has(id) || members.has(id)) continue;
        if (grouped.has(id)) members.unfold(id, pages.signal());
        else if (known().has(id)) unfolded.unfold(id, pages.signal());
      }
      return ids.every((id) => unfolded.of(id).length || members.of(id).length);
    },
    isUnfolded: (row: Row) => {
      const id = idOf(row);
      return !!id && (isGroup(row) ? members : unfolded).has(id);
    },
    /** Unfolds what stands under a row, or folds it. */
    toggle: (row: Row) => {
      const id = idOf(row);
      const lists = isGroup(row) ? members : unfolded;
      if (!id) return;
      if (lists.has(id)) lists.fold(id);
      else lists.unfold(id, pages.signal());
    },
    /** Returns the whole list, with the child runs that are unfolded. */
    all: async () => {
      const runs = await pages.readAll();
      const withChildren = (run: Run, above: Run[]): Run[] => {
        const path = [...above, run];
        const children = childrenBelow(path, unfolded.of(run.id));
        return [run, ...children.flatMap((child) => withChildren(child, path))];
      };
      return runs.flatMap((run) => withChildren(run, []));
    },
    /** Returns all groups. */
    allGroups: async () => {
      await grouped.readAll(pages.signal());
      return groups();
    },
    /** Returns the ids of all runs of the list, or of a group. */
    ids: async (group?: RunGroup) => {
      const search = group ? { ...query(), filter: grouped.filterOf(group) } : query();
      const none = { metrics: [], params: [], tags: [], extremes: false };
      return (await readEach({ ...search, keys: none })).map((run) => run.id);
    },
  };
}

export type RunList = ReturnType<typeof createRunList>;
