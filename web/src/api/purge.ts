// Removing for good what is deleted of an experiment, call after call until all is gone.

import { ApiError, answered, api, long } from "./client";

/** What is removed, or would be; files with the same content count once. */
export interface Removed {
  runs: number;
  points: number;
  models: number;
  files: number;
  bytes: number;
}

const NAMED_AT_ONCE = 1_000;
const AGAIN_MS = 1_000;
// Another purge may be under way, which ours waits for.
const WAITING_MS = 120_000;

const NOTHING: Removed = { runs: 0, points: 0, models: 0, files: 0, bytes: 0 };

/**
 * Returns what a purge would remove: these deleted runs of an experiment with their child runs, or,
 * without any, all that is deleted of it.
 */
export async function countDeleted(
  experimentId: string,
  runIds: string[] | undefined,
): Promise<Removed> {
  let all = NOTHING;
  for (const ids of portions(runIds)) all = sum(all, (await call(experimentId, ids, true)).removed);
  return all;
}

/** Removes that; tells how far it has come, and goes on until all is gone or somebody stops it. */
export async function purge(
  experimentId: string,
  runIds: string[] | undefined,
  tell: (removed: Removed) => void,
  stopped: () => boolean,
): Promise<void> {
  let all = NOTHING;
  let progressed = Date.now();
  for (const ids of portions(runIds)) {
    for (let done = false, first = true; !done && !stopped(); first = false) {
      const answer = await call(experimentId, ids, false).catch((error: ApiError) => {
        // The call before was the last one, and its answer was lost.
        if (first || error.code !== "RESOURCE_DOES_NOT_EXIST") throw error;
        return { done: true, removed: NOTHING };
      });
      done = answer.done;
      const isIdle = Object.values(answer.removed).every((count) => !count);
      all = sum(all, answer.removed);
      tell(all);
      if (!isIdle) progressed = Date.now();
      else if (!done) await waitForOthers(progressed);
    }
  }
}

async function waitForOthers(since: number): Promise<void> {
  if (Date.now() - since > WAITING_MS)
    throw new ApiError("PURGE_UNDER_WAY", "Another purge is under way: try again later.");
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
}

async function call(experimentId: string, runIds: string[], isDry: boolean) {
  const answer = await answered(
    api.POST("/api/1.0/runstream/experiments/purge", {
      body: { experiment_id: experimentId, run_ids: runIds, dry_run: isDry },
      ...long,
    }),
  );
  return {
    done: answer.done ?? false,
    removed: {
      runs: answer.runs ?? 0,
      points: answer.points ?? 0,
      models: answer.logged_models ?? 0,
      files: answer.artifacts ?? 0,
      bytes: answer.artifact_bytes ?? 0,
    },
  };
}

/** Returns ids for one call each; a call without any is about all that is deleted. */
function portions(ids: string[] | undefined): string[][] {
  if (!ids) return [[]];
  const count = Math.ceil(ids.length / NAMED_AT_ONCE);
  return Array.from({ length: count }, (_, at) =>
    ids.slice(at * NAMED_AT_ONCE, (at + 1) * NAMED_AT_ONCE),
  );
}

function sum(a: Removed, b: Removed): Removed {
  return {
    runs: a.runs + b.runs,
    points: a.points + b.points,
    models: a.models + b.models,
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
  };
}
