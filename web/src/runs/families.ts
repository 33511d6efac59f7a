// Runs that have child runs: a child's tag names its parent.

import { countRuns, idLists, PARENT_TAG, type Run, type RunQuery, searchRuns } from "../api/runs";

/** Returns whether any run of an experiment is a child: where none is, none is looked for. */
export async function hasFamilies(experimentId: string, signal: AbortSignal): Promise<boolean> {
  const filter = `tags.${PARENT_TAG} IS NOT NULL`;
  const children = { experimentIds: [experimentId], filter };
  return (await countRuns(children, signal).catch(() => 0)) > 0;
}

/** Returns the child runs of these runs, each with the tag that says whose it is. */
export async function childrenOf(
  parents: Run[],
  experimentId: string,
  signal: AbortSignal,
): Promise<Run[]> {
  const found: Run[] = [];
  for (const list of idLists(parents.map((run) => run.id))) {
    const query: RunQuery = {
      experimentIds: [experimentId],
      filter: `tags.${PARENT_TAG} IN (${list})`,
      keys: { metrics: [], params: [], tags: [PARENT_TAG] },
    };
    const page = await searchRuns(query, 10_000, "", signal);
    found.push(...page.runs);
  }
  return found;
}
