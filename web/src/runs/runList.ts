// The runs that a page lists: read page by page as they are needed, and kept up to date.

import { batch, createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import {
  countRuns,
  idList,
  PARENT_TAG,
  type Run,
  type RunPage,
  type RunQuery,
  searchRuns,
} from "../api/runs";
import type { RunChange } from "../api/watch";
import { changed } from "./changes";
import { type Column, defaults, keysOf } from "./columns";
import { follow } from "./follow";

const FIRST = 50;
const PAGE = 250;
const SAMPLE = 20;
// Runs that are read ahead of those in sight.
const AHEAD = 1_000;

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
  const [runs, setRuns] = createSignal<Run[]>([]);
  const [chosen, setChosen] = createSignal<Column[]>([]);
  const [total, setTotal] = createSignal<number>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  // The child runs of those that are unfolded, by the id of the parent.
  const [unfolded, setUnfolded] = createSignal(new Map<string, Run[]>());
  const [created, setCreated] = createSignal(0);
  let next = "";
  let needed = 0;
  let listed = "";
  let reading = new AbortController();
  let readingOn: Promise<void> | undefined;

  const columns = () => (asked().columns.length ? asked().columns : chosen());
  const query = createMemo(() => queryOf(asked()));
  const keys = () => keysOf([...columns(), `tags.${PARENT_TAG}`]);

  /** Reads the list anew, as far as it was read, while what is there stays in sight. */
  const reload = async () => {
    reading.abort();
    const control = new AbortController();
    reading = control;
    readingOn = undefined;
    setLoading(true);
    try {
      await readFirst(control);
      setError(undefined);
    } catch (failure) {
      if (control.signal.aborted) return;
      setError(shown(failure));
    }
    setLoading(false);
    readOn();
  };

  const readFirst = async (control: AbortController) => {
    const known = asked().columns.length > 0;
    const limit = Math.max(FIRST, Math.min(PAGE, runs().length ? needed : 0));
    const search = { ...query(), ...(known && { keys: keys() }) };
    const counted = countRuns(query(), control.signal);
    counted.catch(() => {}); // the search says what is wrong
    const page = await searchRuns(search, limit, "", control.signal);
    const which = JSON.stringify([search.filter, search.view, search.topLevel]);
    batch(() => {
      setChosen(defaults(page.runs));
      setRuns(page.runs);
      if (which !== listed) setUnfolded(new Map());
      setCreated(0);
      setTotal(page.next ? undefined : page.runs.length);
    });
    listed = which;
    next = page.next;
    if (!known) chooseAmongChildren(page.runs, control);
    for (const id of unfolded().keys()) readChildren(id, control);
    if (next) counted.then(setTotal).catch(() => {});
  };

  /** Reads pages until what is needed is there; one reader at a time. */
  const readOn = (): Promise<void> => {
    if (readingOn) return readingOn;
    const mine = readPages(reading).finally(() => {
      if (readingOn === mine) readingOn = undefined;
    });
    readingOn = mine;
    return mine;
  };

  const readPages = async (control: AbortController) => {
    try {
      while (next && runs().length < needed + AHEAD) {
        const search = { ...query(), keys: keys() };
        const page = await searchRuns(search, PAGE, next, control.signal);
        next = page.next;
        setRuns((all) => [...all, ...page.runs]);
        if (!next) setTotal(runs().length);
      }
    } catch (failure) {
      if (!control.signal.aborted) setError(shown(failure));
    }
  };

  /** Parents often log little themselves: what to begin with is what their children have, too. */
  const chooseAmongChildren = async (all: Run[], control: AbortController) => {
    const parents = all.filter((run) => run.children).map((run) => run.id);
    if (!query().topLevel || !parents.length) return;
    const search = { ...childrenOf(asked(), parents), order: [] };
    const some = await searchRuns(search, SAMPLE, "", control.signal).catch(() => undefined);
    if (some && !control.signal.aborted) setChosen(defaults([...all, ...some.runs]));
  };

  const readChildren = async (id: string, control: AbortController) => {
    const search = { ...childrenOf(asked(), [id]), keys: keys() };
    const found: Run[] = [];
    let page: RunPage | undefined;
    try {
      do {
        page = await searchRuns(search, PAGE, page?.next, control.signal);
        if (!unfolded().has(id)) return;
        found.push(...page.runs);
        // What is there already stays until all is read again.
        const grew = found.length > (unfolded().get(id)?.length ?? 0);
        if (grew || !page.next) setUnfolded((all) => new Map(all).set(id, [...found]));
      } while (page.next);
    } catch (failure) {
      if (!control.signal.aborted) setError(shown(failure));
    }
  };

  const unfold = (run: Run) => {
    setUnfolded((all) => new Map(all).set(run.id, []));
    readChildren(run.id, reading);
  };

  const fold = (run: Run) =>
    setUnfolded((all) => {
      const left = new Map(all);
      left.delete(run.id);
      return left;
    });

  const lines = createMemo<Line[]>((before) => {
    const found: Line[] = [];
    const add = (run: Run, depth: number) => {
      const children = query().topLevel ? run.children : 0;
      const old = before[found.length];
      // A line that is what it was stays the same object: what shows it has nothing to do.
      const same = old?.run === run && old.depth === depth && old.children === children;
      found.push(same ? old : { run, depth, children });
      for (const child of unfolded().get(run.id) ?? []) add(child, depth + 1);
    };
    for (const run of runs()) add(run, 0);
    return found;
  }, []);

  const known = createMemo(() => new Set(lines().map((line) => line.run.id)));

  /** Makes of each run what `change` says; those of which it says nothing leave the list. */
  const replace = (change: (run: Run) => Run | undefined) => {
    const before = runs().length;
    const all = (list: Run[]) => list.flatMap((run) => change(run) ?? []);
    batch(() => {
      setRuns(all);
      setTotal((number) => number && number - before + runs().length);
      if (unfolded().size)
        setUnfolded((lists) => new Map([...lists].map(([id, list]) => [id, all(list)])));
    });
  };

  const patch = (changes: Map<string, RunChange[]>) => {
    const parents = new Set<string>();
    let orphans = false;
    replace((run) => {
      const news = changes.get(run.id);
      if (!news) return run;
      const now = news.reduce(changed, run);
      const purged = news.some((change) => change.purged);
      if (!purged && now.deleted === (asked().view === "DELETED_ONLY")) return now;
      parents.add(run.tags.get(PARENT_TAG) ?? "");
      orphans ||= run.children > 0;
      return undefined;
    });
    // The children of a run that is gone are in the list themselves.
    if (orphans) reload();
    else recount(parents);
  };

  /** Reads how many child runs these have, and those of them that are unfolded. */
  const recount = async (parents: Set<string>) => {
    const ids = [...parents].filter((id) => known().has(id));
    if (!ids.length) return;
    const none = { metrics: [], params: [], tags: [] };
    const search = {
      ...query(),
      filter: `run_id IN (${idList(ids)})`,
      topLevel: false,
      keys: none,
    };
    const page = await searchRuns(search, ids.length).catch(() => undefined);
    const counts = new Map(page?.runs.map((run) => [run.id, run.children]));
    replace((run) => {
      const children = counts.get(run.id) ?? run.children;
      return children === run.children ? run : { ...run, children };
    });
    for (const id of ids) if (unfolded().has(id)) readChildren(id, reading);
  };

  const lookForNew = async () => {
    const number = await countRuns(query()).catch(() => 0);
    const more = number - (total() ?? number);
    if (more <= 0) return;
    // At the top of the list is where new runs stand, unless somebody asked for another order.
    if (needed < FIRST && !asked().order.length) reload();
    else setCreated(more);
  };

  createEffect(on([query, () => asked().columns.join()], reload, { defer: true }));
  onCleanup(() => reading.abort());

  follow({
    experimentId: () => asked().experimentId,
    begin: reload,
    has: (id) => known().has(id),
    patch,
    others: lookForNew,
    grew: recount,
  });

  return {
    lines,
    columns,
    total,
    error,
    loading,
    created,
    reload,
    isUnfolded: (run: Run) => unfolded().has(run.id),
    toggle: (run: Run) => (unfolded().has(run.id) ? fold(run) : unfold(run)),
    /** Says how far down the list is looked at. */
    need: (index: number) => {
      if (index <= needed) return;
      needed = index;
      readOn();
    },
    /** Reads the whole list and returns it, with the child runs that are unfolded. */
    all: async () => {
      needed = Number.MAX_SAFE_INTEGER;
      await readOn();
      await readOn(); // the first may have been under way for less
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
