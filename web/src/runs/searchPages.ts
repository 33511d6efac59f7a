// The runs that a search finds, read page by page as they are needed.

import { batch, createSignal, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { countRuns, type KeysAsked, type Run, type RunQuery, searchRuns } from "../api/runs";

const FIRST = 50;
const PAGE = 250;
// Runs that are read ahead of those in sight.
const AHEAD = 1_000;

/** What to search, and what for. */
export interface Search {
  query: () => RunQuery;
  /** What to return of the runs behind the first page. */
  keys: () => KeysAsked;
  /** Told of the first page before it is shown; the signal ends what is read for it. */
  begun: (runs: Run[], signal: AbortSignal) => void;
}

export function createSearchPages(search: Search) {
  const [runs, setRuns] = createSignal<Run[]>([]);
  const [total, setTotal] = createSignal<number>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  let next = "";
  let needed = 0;
  let control = new AbortController();
  let readingOn: Promise<void> | undefined;
  let begin: () => void = () => {};
  /** Ends when the runs are read for the first time, and then each time that they are read anew. */
  let reloading = new Promise<void>((resolve) => {
    begin = resolve;
  });
  onCleanup(() => control.abort());

  /** Shows why something could not be read, unless it was given up. */
  const fail = (failure: unknown, signal: AbortSignal) => {
    if (!signal.aborted) setError(shown(failure));
  };

  /** Reads the runs anew, as far as they were read, while what is there stays in sight. */
  const reload = () => {
    reloading = readAnew();
    begin();
    return reloading;
  };

  const readAnew = async () => {
    control.abort();
    control = new AbortController();
    const { signal } = control;
    readingOn = undefined;
    setLoading(true);
    try {
      await readFirst(signal);
      setError(undefined);
    } catch (failure) {
      if (signal.aborted) return;
      setError(shown(failure));
    }
    setLoading(false);
    readOn();
  };

  const readFirst = async (signal: AbortSignal) => {
    const query = search.query();
    const limit = Math.max(FIRST, Math.min(PAGE, runs().length ? needed : 0));
    const counted = countRuns(query, signal);
    counted.catch(() => {}); // the search says what is wrong
    const page = await searchRuns(query, limit, "", signal);
    batch(() => {
      search.begun(page.runs, signal);
      setRuns(page.runs);
      setTotal(page.next ? undefined : page.runs.length);
    });
    next = page.next;
    if (next) counted.then(setTotal).catch(() => {});
  };

  /** Reads pages until what is needed is there; one reader at a time. */
  const readOn = (): Promise<void> => {
    if (readingOn) return readingOn;
    const mine = readPages(control.signal).finally(() => {
      if (readingOn === mine) readingOn = undefined;
    });
    readingOn = mine;
    return mine;
  };

  const readPages = async (signal: AbortSignal) => {
    try {
      while (next && runs().length < needed + AHEAD) {
        const query = { ...search.query(), keys: search.keys() };
        const page = await searchRuns(query, PAGE, next, signal);
        next = page.next;
        setRuns((all) => [...all, ...page.runs]);
        if (!next) setTotal(runs().length);
      }
    } catch (failure) {
      fail(failure, signal);
    }
  };

  return {
    runs,
    /** How many runs the search finds; undefined until that is known. */
    total,
    error,
    loading,
    fail,
    reload,
    /** What ends when the runs are read anew. */
    signal: () => control.signal,
    isAtTop: () => needed < FIRST,
    /** Says how far down the runs are looked at. */
    need: (index: number) => {
      if (index <= needed) return;
      needed = index;
      readOn();
    },
    /** Reads all that the search finds; raises ApiError if it cannot. */
    readAll: async () => {
      needed = Number.MAX_SAFE_INTEGER;
      let begun: AbortController;
      do {
        begun = control;
        await reloading;
        await readOn();
        await readOn(); // the first may have been under way for less
      } while (begun !== control);
      const failure = error();
      if (failure) throw failure;
    },
    /** Makes of each run what `change` says; those of which it says nothing are gone. */
    replace: (change: (run: Run) => Run | undefined) => {
      const before = runs().length;
      batch(() => {
        setRuns((all) => all.flatMap((run) => change(run) ?? []));
        setTotal((number) => number && number - before + runs().length);
      });
    },
  };
}
