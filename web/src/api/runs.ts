// Runs as the interface works with them, and what can be done to them.

import { shownName } from "../parts/format";
import { answered, api, double, long, type Schemas } from "./client";

export type Status = Schemas["RunStatus"];

/** A metric of a run: its latest point, and the extremes of all its points but NaN. */
export interface MetricCell {
  last: number;
  step: number;
  minimum: number | null;
  maximum: number | null;
}

/** A run with what of it was asked for. Times are milliseconds since the epoch. */
export interface Run {
  id: string;
  experimentId: string;
  name: string;
  user: string;
  status: Status;
  start: number;
  end: number | null;
  deleted: boolean;
  /** Who deleted it; empty if nobody did, or if the server did not know. */
  deletedBy: string;
  metrics: Map<string, MetricCell>;
  params: Map<string, string>;
  tags: Map<string, string>;
  datasets: Schemas["DatasetInput"][];
  /** How many child runs it has. */
  children: number;
}

export const PARENT_TAG = "mlflow.parentRunId";
export const NOTE_TAG = "mlflow.note.content";
export const USER_TAG = "mlflow.user";
export const SOURCE_TAG = "mlflow.source.name";
export const COMMIT_TAG = "mlflow.source.git.commit";

const IDS_AT_ONCE = 500;
const NAMED_AT_ONCE = 1_000;
// A browser has six connections to a server, and the watch has one of them.
const AT_ONCE = 4;

/** Keys by what they are of. */
export interface Keys {
  metrics: string[];
  params: string[];
  tags: string[];
}

/** Keys to return; all, where there is no list. */
export interface KeysAsked {
  metrics?: string[];
  params?: string[];
  tags?: string[];
  /** Whether to return the extremes of these metrics; so it is, if nothing is said. */
  extremes?: boolean;
}

export interface RunQuery {
  experimentIds: string[];
  filter?: string;
  order?: string[];
  view?: "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL";
  /** Whether to leave out child runs whose parents are there. */
  topLevel?: boolean;
  keys?: KeysAsked;
}

export interface RunPage {
  runs: Run[];
  next: string;
}

/** Returns a page of the runs that a query finds; raises ApiError. */
export async function searchRuns(
  query: RunQuery,
  limit: number,
  token = "",
  signal?: AbortSignal,
  offset = 0,
): Promise<RunPage> {
  const { metrics, params, tags, extremes = true } = query.keys ?? {};
  const answer = await answered(
    api.POST("/api/1.0/runstream/runs/search", {
      body: {
        experiment_ids: query.experimentIds,
        filter: query.filter ?? "",
        order_by: query.order ?? [],
        run_view_type: query.view ?? "ACTIVE_ONLY",
        max_results: limit,
        page_token: token,
        offset,
        top_level_only: query.topLevel ?? false,
        with_metric_summaries: extremes,
        with_child_counts: true,
        ...(metrics && { metric_keys: { keys: metrics } }),
        ...(params && { param_keys: { keys: params } }),
        ...(tags && { tag_keys: { keys: tags } }),
      },
      ...(signal && { signal }),
    }),
  );
  return { runs: (answer.runs ?? []).map(runOf), next: answer.next_page_token ?? "" };
}

/** Returns ids as a list for a filter, which may have 20,000 characters: for some 500 ids (S4). */
export function idList(ids: string[]): string {
  return ids.map((id) => `'${id.replaceAll("'", "''")}'`).join(", ");
}

/** Returns the runs of these ids, with all that they logged or some of it; some may be missing. */
export async function readRuns(ids: string[], keys?: KeysAsked): Promise<Run[]> {
  const found = new Map<string, Run>();
  for (let i = 0; i < ids.length; i += IDS_AT_ONCE) {
    const filter = `run_id IN (${idList(ids.slice(i, i + IDS_AT_ONCE))})`;
    const query: RunQuery = { experimentIds: [], filter, view: "ALL", ...(keys && { keys }) };
    let token = "";
    do {
      const page = await searchRuns(query, IDS_AT_ONCE, token); // it may end early, by its size
      for (const run of page.runs) found.set(run.id, run);
      token = page.next;
    } while (token);
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** Returns how many runs a query finds. */
export async function countRuns(query: RunQuery, signal?: AbortSignal): Promise<number> {
  const answer = await answered(
    api.POST("/api/1.0/runstream/runs/count", {
      body: {
        experiment_ids: query.experimentIds,
        filter: query.filter ?? "",
        run_view_type: query.view ?? "ACTIVE_ONLY",
        top_level_only: query.topLevel ?? false,
      },
      ...(signal && { signal }),
    }),
  );
  return answer.count ?? 0;
}

/** Returns all keys that the runs of an experiment logged under. */
export async function listKeys(experimentId: string): Promise<Keys> {
  const { metrics, params, tags } = await answered(
    api.GET("/api/1.0/runstream/runs/list-keys", {
      params: { query: { experiment_ids: [experimentId] } },
    }),
  );
  return { metrics: metrics ?? [], params: params ?? [], tags: tags ?? [] };
}

export async function renameRun(id: string, name: string): Promise<void> {
  await answered(api.POST("/api/2.0/mlflow/runs/update", { body: { run_id: id, run_name: name } }));
}

export async function setTag(id: string, key: string, value: string): Promise<void> {
  await answered(api.POST("/api/2.0/mlflow/runs/set-tag", { body: { run_id: id, key, value } }));
}

export async function deleteTag(id: string, key: string): Promise<void> {
  await answered(api.POST("/api/2.0/mlflow/runs/delete-tag", { body: { run_id: id, key } }));
}

/** Deletes tags of runs, where they are, and sets others. */
export async function tagRuns(
  ids: string[],
  tags: Record<string, string>,
  deleted: string[] = [],
): Promise<void> {
  const pairs = Object.entries(tags).map(([key, value]) => ({ key, value }));
  for (let i = 0; i < ids.length; i += NAMED_AT_ONCE) {
    const body = { run_ids: ids.slice(i, i + NAMED_AT_ONCE), tags: pairs, deleted_tags: deleted };
    await answered(api.POST("/api/1.0/runstream/runs/tag", { body, ...long }));
  }
}

/** Deletes runs; with their child runs, restoring them brings those back, too. */
export async function deleteRuns(ids: string[], withChildren = false): Promise<void> {
  const body = { with_children: withChildren };
  await forEach(ids, (id) =>
    answered(api.POST("/api/2.0/mlflow/runs/delete", { body: { ...body, run_id: id } })),
  );
}

/** Moves runs with their child runs to another experiment; returns the ids of all that were moved. */
export async function moveRuns(ids: string[], experimentId: string): Promise<string[]> {
  const moved: string[] = [];
  for (let i = 0; i < ids.length; i += NAMED_AT_ONCE) {
    const body = { run_ids: ids.slice(i, i + NAMED_AT_ONCE), experiment_id: experimentId };
    const call = api.POST("/api/1.0/runstream/runs/move", { body, ...long });
    const { run_ids = [] } = await answered(call);
    moved.push(...run_ids);
  }
  return moved;
}

/** Copies runs with their child runs to an experiment; returns the ids of all copies. */
export async function copyRuns(ids: string[], experimentId: string): Promise<string[]> {
  const made: string[] = [];
  for (let i = 0; i < ids.length; i += NAMED_AT_ONCE) {
    // A call works for some seconds, and the same one goes on with what it has begun.
    const digits = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    );
    const write = { writer: digits.join(""), sequence: 1 };
    const run_ids = ids.slice(i, i + NAMED_AT_ONCE);
    const body = { run_ids, experiment_id: experimentId, write };
    let answer: { done?: boolean; copies?: { run_id?: string }[] } = {};
    while (!answer.done)
      answer = await answered(api.POST("/api/1.0/runstream/runs/copy", { body, ...long }));
    made.push(...(answer.copies ?? []).map((copy) => copy.run_id ?? ""));
  }
  return made;
}

export async function restoreRuns(ids: string[]): Promise<void> {
  await forEach(ids, (id) =>
    answered(api.POST("/api/2.0/mlflow/runs/restore", { body: { run_id: id } })),
  );
}

/** Does something to each of many, a few at once; stops at the first that is refused. */
export async function forEach<Item>(
  items: Item[],
  action: (item: Item) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next] as Item;
      next += 1;
      await action(item).catch((failure) => {
        next = items.length;
        throw failure;
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function runOf(run: Schemas["Run"]): Run {
  const metrics = new Map<string, MetricCell>();
  for (const { key = "", value, step = 0 } of run.data?.metrics ?? [])
    metrics.set(key, { last: double(value), step, minimum: null, maximum: null });
  for (const { key = "", minimum, maximum } of run.data?.metric_summaries ?? []) {
    const cell = metrics.get(key);
    if (!cell) continue;
    if (minimum !== undefined) cell.minimum = double(minimum);
    if (maximum !== undefined) cell.maximum = double(maximum);
  }
  const tags = pairs(run.data?.tags);
  return {
    ...withUser(infoOf(run.info ?? {}), tags),
    metrics,
    params: pairs(run.data?.params),
    tags,
    datasets: run.inputs?.dataset_inputs ?? [],
    children: run.child_count ?? 0,
  };
}

/** Returns what a run is, of what a search or a watch tells of it. */
export function infoOf(info: Schemas["RunInfo"]) {
  return {
    id: info.run_id ?? "",
    experimentId: info.experiment_id ?? "",
    name: shownName(info.run_name ?? "", info.run_id ?? ""),
    user: info.user_id ?? "",
    status: info.status ?? "RUN_STATUS_UNSPECIFIED",
    start: info.start_time ?? 0,
    end: info.end_time ?? null,
    deleted: info.lifecycle_stage === "deleted",
    deletedBy: info.deleted_by ?? "",
  };
}

/** Returns a run with the user that its tag names, if nothing else does: some clients set that alone. */
export function withUser<Info extends { user: string }>(
  info: Info,
  tags: Map<string, string>,
): Info {
  return info.user ? info : { ...info, user: tags.get(USER_TAG) ?? "" };
}

function pairs(list: { key?: string; value?: string }[] = []): Map<string, string> {
  return new Map(list.map(({ key = "", value = "" }) => [key, value]));
}
