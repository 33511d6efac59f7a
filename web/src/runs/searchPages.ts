// The runs that a search finds, of which those in sight are read, wherever that is.

import { batch, createSignal, onCleanup } from "solid-js";
import { type ApiError, shown } from "../api/client";
import { countRuns, type KeysAsked, type Run, type RunQuery, searchRuns } from "../api/runs";

const FIRST = 50;
const PAGE = 250;
// Runs of a page that somebody waits for.
const IN_SIGHT = 100;
// Runs that are read beside those in sight.
const AHEAD = 500;
// Pages that are read at once, so that a jump need not wait for what was read before.
const AT_ONCE = 2;
const ALL = 1_000;

/** What to search, and what for. */
interface Search {
  query: () => RunQuery;
  /** Reads a page as `searchRuns` does. */
  read: typeof searchRuns;
  /** What to return of the runs behind the first page. */
  keys: () => KeysAsked;
  /** Whether more than the first page is read by itself. */
  readsOn: () => boolean;
  /** Told of the first page before it is shown; the signal ends what is read for it. */
  begun: (runs: Run[], signal: AbortSignal) => void;
}

/** Runs by their place in what is found; those that are not read yet are missing. */
type Places = (Run | undefined)[];

export function createSearchPages(search: Search) {
  const [runs, setRuns] = createSignal<Places>([]);
  const [total, setTotal] = createSignal<number>();
  const [error, setError] = createSignal<ApiError>();
  const [loading, setLoading] = createSignal(true);
  let first = 0;
  let last = 0;
  let reading: { from: number; to: number }[] = [];
  let control = new AbortController();
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

  /** Reads the runs anew, those in sight first, while what is there stays in sight. */
  const reload = () => {
    reloading = readAnew();
    begin();
    return reloading;
  };

  const readAnew = async () => {
    control.abort();
    control = new AbortController();
    const { signal } = control;
    reading = [];
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
    const limit = Math.max(FIRST, Math.min(PAGE, runs().length ? last + 1 : 0));
    const counted = countRuns(query, signal);
    counted.catch(() => {}); // the search says what is wrong
    const inSight = last >= limit ? readPlaces(first, IN_SIGHT, signal) : undefined;
    const page = await search.read(query, limit, "", signal);
    const there = await inSight;
    batch(() => {
      search.begun(page.runs, signal);
      setRuns(placed(page.runs, first, there?.runs ?? []));
      setTotal(page.next ? undefined : page.runs.length);
    });
    if (page.next) counted.then((number) => signal.aborted || setTotal(number)).catch(() => {});
    // Where more are found than the page has, the rest has its place when that is known.
    if (page.next) counted.then(readOn).catch(() => {});
  };

  const readPlaces = (offset: number, limit: number, signal: AbortSignal) =>
    search.read({ ...search.query(), keys: search.keys() }, limit, "", signal, offset);

  /** Reads what is missing in sight, then what is missing beside it. */
  const readOn = () => {
    if (!search.readsOn()) return;
    while (reading.length < AT_ONCE && !control.signal.aborted) {
      const missing = findMissing();
      if (!missing) return;
      readPage(missing, control.signal);
    }
  };

  const readPage = async (range: { from: number; to: number }, signal: AbortSignal) => {
    reading.push(range);
    const own = reading;
    try {
      const page = await readPlaces(range.from, range.to - range.from, signal);
      if (signal.aborted) return;
      batch(() => {
        setRuns((all) => placed(all, range.from, page.runs));
        if (!page.next) setTotal(range.from + page.runs.length);
      });
    } catch (failure) {
      fail(failure, signal);
      if (!signal.aborted) control.abort(); // reading on would fail again and again
    } finally {
      own.splice(own.indexOf(range), 1);
    }
    if (!signal.aborted) readOn();
  };

  const findMissing = () => {
    const end = total() ?? runs().length;
    const isMissing = (place: number) =>
      runs()[place] === undefined && !reading.some(({ from, to }) => place >= from && place < to);
    const look = (from: number, to: number, limit: number) => {
      for (let place = Math.max(0, from); place < Math.min(end, to); place++) {
        if (!isMissing(place)) continue;
        let stop = place + 1;
        while (stop < Math.min(end, place + limit) && isMissing(stop)) stop += 1;
        return { from: place, to: stop };
      }
      return undefined;
    };
    return (
      look(first, last + 1, last - first < IN_SIGHT ? IN_SIGHT : PAGE) ??
      look(last + 1, last + AHEAD, PAGE) ??
      look(first - AHEAD, first, PAGE)
    );
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
    isAtTop: () => last < FIRST,
    /** Says which places are looked at. */
    need: (from: number, to: number) => {
      first = from;
      last = to;
      readOn();
    },
    /** Returns all that the search finds; raises ApiError if it cannot. */
    readAll: async (): Promise<Run[]> => {
      let read: Promise<void>;
      do {
        read = reloading;
        await read;
      } while (read !== reloading);
      const failure = error();
      if (failure) throw failure;
      return readEach({ ...search.query(), keys: search.keys() });
    },
    /** Makes of each run what `change` says; those of which it says nothing are gone. */
    replace: (change: (run: Run) => Run | undefined) => {
      const before = runs();
      const after: Places = [];
      for (const run of before) {
        const now = run && change(run);
        if (now || !run) after.push(now);
      }
      batch(() => {
        setRuns(after);
        setTotal((number) => number && number - before.length + after.length);
      });
    },
  };
}

/** Returns all runs that a query finds, page by page; raises ApiError. */
export async function readEach(query: RunQuery): Promise<Run[]> {
  const found: Run[] = [];
  let token = "";
  do {
    const page = await searchRuns(query, ALL, token);
    found.push(...page.runs);
    token = page.next;
  } while (token);
  return found;
}

/** Returns runs with others put at a place. A run that was elsewhere has moved there. */
function placed(all: Places, at: number, more: Run[]): Places {
  const ids = new Set(more.map((run) => run.id));
  const next = Array.from({ length: Math.max(all.length, at + more.length) }, (_, place) => {
    const run = all[place];
    return run && ids.has(run.id) ? undefined : run;
  });
  more.forEach((run, i) => {
    next[at + i] = run;
  });
  return next;
}
