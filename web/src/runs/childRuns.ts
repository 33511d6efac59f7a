// The child runs of the runs that are unfolded.

import { createSignal } from "solid-js";
import type { Run, RunPage, RunQuery, searchRuns } from "../api/runs";

const PAGE = 250;

/** What to read of child runs. */
interface Children {
  /** What finds the children of a run. */
  query: (parent: string) => RunQuery;
  /** Reads a page as `searchRuns` does. */
  read: typeof searchRuns;
  fail: (failure: unknown, signal: AbortSignal) => void;
}

export function createChildRuns(children: Children) {
  const [lists, setLists] = createSignal(new Map<string, Run[]>());

  const read = async (id: string, signal: AbortSignal) => {
    const found: Run[] = [];
    let page: RunPage | undefined;
    try {
      do {
        page = await children.read(children.query(id), PAGE, page?.next, signal);
        if (!lists().has(id)) return;
        found.push(...page.runs);
        // What is there already stays until all is read again.
        const grew = found.length > (lists().get(id)?.length ?? 0);
        if (grew || !page.next) setLists((all) => new Map(all).set(id, [...found]));
      } while (page.next);
    } catch (failure) {
      children.fail(failure, signal);
    }
  };

  return {
    has: (id: string) => lists().has(id),
    ids: () => [...lists().keys()],
    of: (id: string) => lists().get(id) ?? [],
    /** The child runs of each that is unfolded, by its id. */
    lists,
    unfold: (id: string, signal: AbortSignal) => {
      setLists((all) => new Map(all).set(id, []));
      read(id, signal);
    },
    fold: (id: string) => setLists((all) => new Map([...all].filter(([other]) => other !== id))),
    foldAll: () => setLists(new Map()),
    /** Reads again, of these runs, the children of those that are unfolded; of all, if none are given. */
    readAgain: (signal: AbortSignal, ids: Iterable<string> = lists().keys()) => {
      for (const id of ids) if (lists().has(id)) read(id, signal);
    },
    /** Makes of each run what `change` says; those of which it says nothing are gone. */
    replace: (change: (run: Run) => Run | undefined) => {
      if (!lists().size) return;
      const changed = (list: Run[]) => list.flatMap((run) => change(run) ?? []);
      setLists((all) => new Map([...all].map(([id, list]) => [id, changed(list)])));
    },
  };
}
