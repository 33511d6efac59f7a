// The runs that a page lists: read page by page as they are needed, and kept up to date.

import { batch, createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { countRuns, PARENT_TAG, type Run, type RunQuery, readRuns, searchRuns } from "../api/runs";
import { watch } from "../api/watch";
import { changed } from "./changes";
import { type Column, defaults, keysOf } from "./columns";
import { childrenOf, hasFamilies } from "./families";

const FIRST = 50;
const PAGE = 250;
const SAMPLE = 20;
// Runs that are read ahead of those in sight.
const AHEAD = 1_000;
const SETTLE_MS = 1_000;

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
  const [familySize, setFamilySize] = createSignal(new Map<string, number>());
  const [unfolded, setUnfolded] = createSignal(new Map<string, Run[]>());
  const [created, setCreated] = createSignal(0);
  let next = "";
  let needed = 0;
  let listed: string | undefined;
  let families = Promise.resolve(false);
  let reading = new AbortController();
  let readingOn: Promise<void> | undefined;

  const columns = () => (asked().columns.length ? asked().columns : chosen());
  const query = createMemo(() => queryOf(asked()));

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
    const known = asked().columns;
    const keys = known.length ? keysOf([...known, `tags.${PARENT_TAG}`]) : undefined;
    const limit = Math.max(FIRST, Math.min(PAGE, runs().length ? needed : 0));
    const search = { ...query(), ...(keys && { keys }) };
    const counted = countRuns(query(), control.signal);
    counted.catch(() => {}); // the search says what is wrong
    families = hasFamilies(asked().experimentId, control.signal);
    const page = await searchRuns(search, limit, "", control.signal);
    batch(() => {
      setChosen(defaults(page.runs));
      setRuns(page.runs);
      if (search.filter !== listed) setUnfolded(new Map());
      listed = search.filter;
      setFamilySize(new Map());
      setCreated(0);
      setTotal(page.next ? undefined : page.runs.length);
    });
    next = page.next;
    findChildren(page.runs, control);
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
        const keys = keysOf([...columns(), `tags.${PARENT_TAG}`]);
        const page = await searchRuns({ ...query(), keys }, PAGE, next, control.signal);
        next = page.next;
        setRuns((all) => [...all, ...page.runs]);
        if (!next) setTotal(runs().length);
        findChildren(page.runs, control);
      }
    } catch (failure) {
      if (!control.signal.aborted) setError(shown(failure));
    }
  };

  const findChildren = async (parents: Run[], control: AbortController) => {
    if (!asked().nested || !parents.length || !(await families)) return;
    const found = await childrenOf(parents, asked().experimentId, control.signal).catch(() => []);
    if (control.signal.aborted || !found.length) return;
    setFamilySize((sizes) => {
      const grown = new Map(sizes);
      for (const run of found) {
        const parent = run.tags.get(PARENT_TAG) ?? "";
        grown.set(parent, (grown.get(parent) ?? 0) + 1);
      }
      return grown;
    });
    if (asked().columns.length || parents !== runs()) return;
    // Parents often log little themselves: what to begin with is what their children have, too.
    const some = await readRuns(found.slice(0, SAMPLE).map((run) => run.id)).catch(() => []);
    if (!control.signal.aborted) setChosen(defaults([...parents, ...some]));
  };

  const unfold = async (run: Run) => {
    const search: RunQuery = {
      experimentIds: [asked().experimentId],
      filter: `tags.${PARENT_TAG} = '${run.id}'`,
      order: asked().order,
      keys: keysOf([...columns(), `tags.${PARENT_TAG}`]),
    };
    const page = await searchRuns(search, PAGE);
    setUnfolded((all) => new Map(all).set(run.id, page.runs));
    findChildren(page.runs, reading);
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
      const children = familySize().get(run.id) ?? 0;
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

  createEffect(on([query, () => asked().columns.join()], reload, { defer: true }));
  onCleanup(() => reading.abort());

  follow(asked, {
    begin: reload,
    has: (id) => known().has(id),
    patch: (change) => {
      batch(() => {
        setRuns((all) => all.map(change));
        if (unfolded().size)
          setUnfolded((all) => new Map([...all].map(([id, list]) => [id, list.map(change)])));
      });
    },
    appeared: (number) => {
      // At the top of the list is where new runs stand, unless somebody asked for another order.
      if (needed < FIRST && !asked().order.length) reload();
      else setCreated((count) => count + number);
    },
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
    /** Reads the whole list and returns it. */
    all: async () => {
      needed = Number.MAX_SAFE_INTEGER;
      await readOn();
      await readOn(); // the first may have been under way for less
      return runs();
    },
  };
}

export type RunList = ReturnType<typeof createRunList>;

function queryOf(asked: Asked): RunQuery {
  const own = `tags.${PARENT_TAG} IS NULL`;
  return {
    experimentIds: [asked.experimentId],
    // What a filter finds is listed flat: a child may be found where its parent is not.
    filter: asked.filter || (asked.nested ? own : ""),
    order: asked.order,
    view: asked.view,
  };
}

/** Follows the watch, and brings together what comes within a moment. */
function follow(
  asked: () => Asked,
  list: {
    begin: () => Promise<void>;
    has: (id: string) => boolean;
    patch: (change: (run: Run) => Run) => void;
    appeared: (number: number) => void;
  },
): void {
  const experiment = createMemo(() => asked().experimentId);
  let waiting = new Map<string, Parameters<typeof changed>[1][]>();
  let strangers = new Set<string>();
  let frame = 0;
  let settling: ReturnType<typeof setTimeout> | undefined;
  const apply = () => {
    frame = 0;
    const changes = waiting;
    waiting = new Map();
    list.patch((run) => (changes.get(run.id) ?? []).reduce(changed, run));
  };
  const settle = () => {
    settling = undefined;
    const number = [...strangers].filter((id) => !list.has(id)).length;
    strangers = new Set();
    if (number) list.appeared(number);
  };
  watch(
    () => ({ experimentId: experiment() }),
    async () => {
      await list.begin();
      return true;
    },
    (changes) => {
      for (const change of changes) {
        const id = change.run_id ?? "";
        if (list.has(id)) waiting.set(id, [...(waiting.get(id) ?? []), change]);
        else if (change.info) strangers.add(id);
      }
      if (waiting.size) frame ||= requestAnimationFrame(apply);
      if (strangers.size) settling ??= setTimeout(settle, SETTLE_MS);
    },
  );
  onCleanup(() => {
    cancelAnimationFrame(frame);
    clearTimeout(settling);
  });
}
