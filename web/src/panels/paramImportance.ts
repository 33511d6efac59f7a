// The importance of params for a number of the runs that a page found, or of those that it draws.

import { createMemo } from "solid-js";
import { readImportance } from "../api/importance";
import { idList, type RunQuery } from "../api/runs";
import { searchKey, value } from "../runs/columns";
import type { PanelContext } from "./panelContext";
import { createPanelRead } from "./panelRead";

// The server computes for seconds.
const REST_MS = 10_000;

/**
 * Returns the importance of params, and why it could not be read; `number` is a column, or empty. It is
 * computed while the panel is in sight, and again when runs, their params or their number are others.
 */
export function createParamImportance(
  context: PanelContext,
  number: () => string,
  inSight: () => boolean,
) {
  const { list, live } = context;
  const query = createMemo((): RunQuery => {
    if (list) return { ...list.query(), topLevel: false, order: [] };
    const ids = live.runs().map((run) => run.id);
    const filter = ids.length ? `run_id IN (${idList(ids)})` : "run_id = ''";
    return { experimentIds: [], view: "ALL", filter };
  });
  return createPanelRead({
    context,
    asked: createMemo(() => (number() ? JSON.stringify([query(), number()]) : "")),
    shows: (run) => [run.children, value(run, number()), ...[...run.params].flat()],
    inSight,
    read: (signal) => readImportance(query(), searchKey(number()), signal),
    rest: REST_MS,
  });
}
