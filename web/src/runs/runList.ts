// The runs that an experiment's page lists, parents with their child runs, kept up to date.

import { batch, createEffect, createMemo, createSignal, on, onCleanup, untrack } from "solid-js";
import type { RunGroup, Statistic } from "../api/runGroups";
import { countRuns, idList, PARENT_TAG, type Run, type RunQuery, searchRuns } from "../api/runs";
import type { RunChange } from "../api/watch";
import { textOf } from "../parts/address";
import { PacedWork } from "../parts/pacedWork";
import { applyChange } from "./applyChange";
import { createChildRuns } from "./childRuns";
import { type Column, defaults, keysOf, NAME } from "./columns";
import { followExperiment } from "./followExperiment";
import { createGroups } from "./groups";
import { createMissedChanges } from "./missedChanges";
import { createSearchPages, readEach } from "./searchPages";

const SAMPLE = 20;
// Groups are computed again this long after a run changed.
const REGROUP_MS = 3_000;
// Finds no run: of a group that no filter can name.
const NOTHING = "run_id = ''";

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

/** A line of the list. */
export interface Line {
  run: Run;
  depth: number;
  /** How many child runs can be unfolded. */
  children: number;
}

/** A group, under which its runs unfold. */
export interface GroupLine {
  group: RunGroup;
  depth: 0;
}

/** What stands in a row; nothing, while it is not read. */
export type Row = Line | GroupLine | undefined;

export function isGroup(row: Row): row is GroupLine {
  return !!row && "group" in row;
}

export function createRunList(asked: () => Asked) {
  const [chosen, setChosen] = createSignal<Column[]>([]);
  const [created, setCreated] = createSignal(0);
  const [ofAll, setOfAll] = createSignal<number>();
  let listed = "";
  let regrouping: ReturnType<typeof setTimeout> | undefined;
  const regroups = new PacedWork(() => regroup(pages.signal()));
  onCleanup(() => {
    clearTimeout(regrouping);
    regroups.stop();
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
      if (which !== listed) {
        unfolded.foldAll();
        inGroups.foldAll();
      }
      listed = which;
      setCreated(0);
      countAll(signal);
      setChosen(defaults(runs));
      if (!asked().columns.length) chooseAmongChildren(runs, signal);
      unfolded.readAgain(signal);
      regroup(signal);
    },
  });
  const unfolded = createChildRuns({
    query: (parent) => ({ ...childrenOf(asked(), [parent]), keys: keys() }),
    read: missed.search,
    fail: pages.fail,
  });

  const groups = createGroups(
    query,
    () => ({ ...asked(), by: asked().groups, columns: columns() }),
    (failure, signal) => pages.fail(failure, signal),
  );
  const inGroups = createChildRuns({
    query: (id) => ({ ...query(), filter: filterOf(id), keys: keys() }),
    read: missed.search,
    fail: pages.fail,
  });
  const isGrouped = () => asked().groups.length > 0;

  /** Returns the filter that finds the runs of a group, and of those only what is asked for. */
  const filterOf = (id: string) => {
    const group = groups.groups().find((one) => one.id === id);
    const condition = group?.filter || NOTHING;
    return asked().filter ? `(${asked().filter}) AND ${condition}` : condition;
  };

  const regroup = async (signal: AbortSignal) => {
    if (!isGrouped()) {
      groups.clear();
      return;
    }
    await groups.reload(signal);
    if (!signal.aborted) inGroups.readAgain(signal);
  };
  const regroupSoon = () => {
    if (!isGrouped()) return;
    regrouping ??= setTimeout(() => {
      regrouping = undefined;
      regroups.startSoon();
    }, REGROUP_MS);
  };

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
    if (some && !signal.aborted) setChosen(defaults([...runs, ...some.runs]));
  };

  const rows = createMemo<Row[]>((before) => {
    const found: Row[] = [];
    const add = (run: Run, depth: number) => {
      const children = query().topLevel ? run.children : 0;
      const old = before[found.length];
      // A line that is what it was stays the same object: what shows it has nothing to do.
      const same =
        old && !isGroup(old) && old.run === run && old.depth === depth && old.children === children;
      found.push(same ? old : { run, depth, children });
      for (const child of unfolded.of(run.id)) add(child, depth + 1);
    };
    if (isGrouped()) {
      for (const group of groups.groups()) {
        const old = before[found.length];
        found.push(isGroup(old) && old.group === group ? old : { group, depth: 0 });
        for (const run of inGroups.of(group.id)) add(run, 1);
      }
      found.length += Math.max(0, groups.total() - groups.groups().length);
      return found;
    }
    const runs = pages.runs();
    const end = pages.total() ?? runs.length;
    for (let place = 0; place < end; place++) {
      const run = runs[place];
      if (run) add(run, 0);
      else found.push(undefined);
    }
    return found;
  }, []);

  /** The runs that are read, in their order. */
  const lines = createMemo<Line[]>(() => {
    if (!isGrouped()) return rows().filter((row): row is Line => !!row && !isGroup(row));
    const found = new Map<string, Line>();
    for (const row of rows()) if (row && !isGroup(row)) found.set(row.run.id, row);
    for (const run of pages.runs())
      if (run && !found.has(run.id)) found.set(run.id, { run, depth: 0, children: 0 });
    return [...found.values()];
  });

  /** Says which rows are looked at. */
  const need = (from: number, to: number) => untrack(() => look(from, to));
  const look = (from: number, to: number) => {
    if (isGrouped()) return groups.need(to, pages.signal());
    let place = -1;
    let start = 0;
    for (const [index, row] of rows()
      .slice(0, to + 1)
      .entries()) {
      if (!row?.depth) place += 1;
      if (index === from) start = place;
    }
    pages.need(start, Math.max(start, place));
  };

  const known = createMemo(() => new Set(lines().map((line) => line.run.id)));

  const replace = (change: (run: Run) => Run | undefined) =>
    batch(() => {
      pages.replace(change);
      unfolded.replace(change);
      inGroups.replace(change);
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
      regroupSoon(); // a group has runs that are not in the list
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
    foundGroups: groups.groups,
    /** Their ids; undefined where runs are not grouped. */
    groupIds: createMemo(() => (isGrouped() ? groups.groups().map(({ id }) => id) : undefined)),
    /** How many groups there are. */
    groupCount: groups.total,
    statistic: () => asked().statistic,
    error,
    loading,
    created,
    reload,
    need,
    /** The ids of runs and groups that are unfolded. */
    unfolded: () => [...unfolded.ids(), ...inGroups.ids()],
    /** Unfolds runs and groups, as far as they are read; returns whether all have what is under them. */
    unfold: (ids: string[]) => {
      for (const id of ids) {
        if (unfolded.has(id) || inGroups.has(id)) continue;
        const isOfGroup = groups.groups().some((group) => group.id === id);
        if (isOfGroup) inGroups.unfold(id, pages.signal());
        else if (known().has(id)) unfolded.unfold(id, pages.signal());
      }
      return ids.every((id) => unfolded.of(id).length || inGroups.of(id).length);
    },
    isUnfolded: (run: Run) => unfolded.has(run.id),
    toggle: (run: Run) =>
      unfolded.has(run.id) ? unfolded.fold(run.id) : unfolded.unfold(run.id, pages.signal()),
    isGroupUnfolded: (group: RunGroup) => inGroups.has(group.id),
    toggleGroup: (group: RunGroup) =>
      inGroups.has(group.id) ? inGroups.fold(group.id) : inGroups.unfold(group.id, pages.signal()),
    /** Returns the whole list, with the child runs that are unfolded. */
    all: async () => {
      const runs = await pages.readAll();
      const withChildren = (run: Run): Run[] => [run, ...unfolded.of(run.id).flatMap(withChildren)];
      return runs.flatMap(withChildren);
    },
    /** Returns all groups. */
    allGroups: async () => {
      await groups.readAll(pages.signal());
      return groups.groups();
    },
    /** Returns the ids of all runs of the list, or of a group. */
    ids: async (group?: RunGroup) => {
      const search = group ? { ...query(), filter: filterOf(group.id) } : query();
      const none = { metrics: [], params: [], tags: [], extremes: false };
      return (await readEach({ ...search, keys: none })).map((run) => run.id);
    },
  };
}

export type RunList = ReturnType<typeof createRunList>;

function queryOf(asked: Asked): RunQuery {
  return {
    experimentIds: [asked.experimentId],
    filter: asked.filter,
    order: asked.order,
    view: asked.view,
    // What a filter finds is listed flat: a child may be found where its parent is not.
    topLevel: asked.nested && !asked.filter && !asked.groups.length,
  };
}

function childrenOf(asked: Asked, parents: string[]): RunQuery {
  const filter = `tags.${PARENT_TAG} IN (${idList(parents)})`;
  return { ...queryOf(asked), filter, topLevel: false };
}
