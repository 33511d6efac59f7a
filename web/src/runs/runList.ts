// The runs that an experiment's page lists, parents with their child runs, kept up to date.

import { batch, createEffect, createMemo, createSignal, on } from "solid-js";
import { countRuns, idList, PARENT_TAG, type Run, type RunQuery, searchRuns } from "../api/runs";
import type { RunChange } from "../api/watch";
import { textOf } from "../parts/address";
import { applyChange } from "./applyChange";
import { createChildRuns } from "./childRuns";
import { type Column, defaults, keysOf } from "./columns";
import { followExperiment } from "./followExperiment";
import { createSearchPages } from "./searchPages";

const SAMPLE = 20;

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
}

/** A line of the list. */
export interface Line {
  run: Run;
  depth: number;
  /** How many child runs can be unfolded. */
  children: number;
}

export function createRunList(asked: () => Asked) {
  const [chosen, setChosen] = createSignal<Column[]>([]);
  const [created, setCreated] = createSignal(0);
  let listed = "";

  const columns = () => (asked().columns.length ? asked().columns : chosen());
  const keys = () => keysOf([...columns(), `tags.${PARENT_TAG}`]);
  const query = createMemo(() => queryOf(asked()));
  const pages = createSearchPages({
    // Columns are chosen among all that the first runs have, unless somebody chose.
    query: () => ({ ...query(), ...(asked().columns.length && { keys: keys() }) }),
    keys,
    begun: (runs, signal) => {
      const which = JSON.stringify({ ...query(), order: [] });
      if (which !== listed) unfolded.foldAll();
      listed = which;
      setCreated(0);
      setChosen(defaults(runs));
      if (!asked().columns.length) chooseAmongChildren(runs, signal);
      unfolded.readAgain(signal);
    },
  });
  const unfolded = createChildRuns({
    query: (parent) => ({ ...childrenOf(asked(), [parent]), keys: keys() }),
    fail: pages.fail,
  });

  /** Parents often log little themselves: what to begin with is what their children have, too. */
  const chooseAmongChildren = async (runs: Run[], signal: AbortSignal) => {
    const parents = runs.filter((run) => run.children).map((run) => run.id);
    if (!query().topLevel || !parents.length) return;
    const search = { ...childrenOf(asked(), parents), order: [] };
    const some = await searchRuns(search, SAMPLE, "", signal).catch(() => undefined);
    if (some && !signal.aborted) setChosen(defaults([...runs, ...some.runs]));
  };

  const lines = createMemo<Line[]>((before) => {
    const found: Line[] = [];
    const add = (run: Run, depth: number) => {
      const children = query().topLevel ? run.children : 0;
      const old = before[found.length];
      // A line that is what it was stays the same object: what shows it has nothing to do.
      const same = old?.run === run && old.depth === depth && old.children === children;
      found.push(same ? old : { run, depth, children });
      for (const child of unfolded.of(run.id)) add(child, depth + 1);
    };
    for (const run of pages.runs()) add(run, 0);
    return found;
  }, []);

  const known = createMemo(() => new Set(lines().map((line) => line.run.id)));

  const replace = (change: (run: Run) => Run | undefined) =>
    batch(() => {
      pages.replace(change);
      unfolded.replace(change);
    });

  const patch = (changes: Map<string, RunChange[]>) => {
    const parents = new Set<string>();
    let orphans = false;
    replace((run) => {
      const news = changes.get(run.id);
      if (!news) return run;
      const now = news.reduce(applyChange, run);
      const purged = news.some((change) => change.purged);
      if (!purged && now.deleted === (asked().view === "DELETED_ONLY")) return now;
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

  createEffect(on([query, () => textOf(asked().columns)], pages.reload, { defer: true }));

  followExperiment({
    experimentId: () => asked().experimentId,
    begin: pages.reload,
    has: (id) => known().has(id),
    patch,
    others: lookForNew,
    grew: recount,
  });

  const { total, error, loading, reload, need } = pages;
  return {
    lines,
    columns,
    total,
    error,
    loading,
    created,
    reload,
    need,
    isUnfolded: (run: Run) => unfolded.has(run.id),
    toggle: (run: Run) =>
      unfolded.has(run.id) ? unfolded.fold(run.id) : unfolded.unfold(run.id, pages.signal()),
    /** Reads the whole list and returns it, with the child runs that are unfolded. */
    all: async () => {
      await pages.readAll();
      return lines().map((line) => line.run);
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
    topLevel: asked.nested && !asked.filter,
  };
}

function childrenOf(asked: Asked, parents: string[]): RunQuery {
  const filter = `tags.${PARENT_TAG} IN (${idList(parents)})`;
  return { ...queryOf(asked), filter, topLevel: false };
}
