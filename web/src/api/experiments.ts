// Experiments, and what can be done to them.

import { shownName } from "../parts/format";
import { answered, api } from "./client";
import { type Role, roleOf } from "./grants";

/** An experiment. Times are milliseconds since the epoch; `lastActivity` is 0 if nothing ran. */
export interface Experiment {
  id: string;
  name: string;
  created: number;
  deleted: boolean;
  archived: boolean;
  /** Who deleted it; empty if nobody did, or if the server did not know. */
  deletedBy: string;
  /** What who is signed in may do with it. */
  role: Role;
  runs: number;
  running: number;
  lastActivity: number;
  /** How many runs started on each of the last days, today at the end; empty if it has none. */
  days: number[];
  /** The tags that people gave it. */
  tags: [string, string][];
  /** What somebody wrote about it, in markdown. */
  description: string;
}

const DAYS = 60;
const NOTE_TAG = "mlflow.note.content";
const ARCHIVED_TAG = "runstream.archived";

/** Which experiments: archived ones are active, and stand apart. */
export type Stage = "active" | "archived" | "deleted";

interface ExperimentPage {
  experiments: Experiment[];
  next: string;
}

/**
 * Returns a page of the experiments that have each word in their names, those of late first; a word
 * `key=value` finds those with this tag, too.
 */
export async function searchExperiments(
  text: string,
  stage: Stage,
  token = "",
  ids?: string[],
): Promise<ExperimentPage> {
  const conditions = words(text).map(ofWord);
  if (stage !== "deleted")
    conditions.push(`tags."${ARCHIVED_TAG}" IS ${stage === "archived" ? "NOT NULL" : "NULL"}`);
  if (ids) conditions.push(`experiment_id IN (${ids.map(quoted).join(", ")})`);
  const { experiments = [], next_page_token: next = "" } = await answered(
    api.POST("/api/2.0/mlflow/experiments/search", {
      body: {
        filter: conditions.join(" AND "),
        view_type: stage === "deleted" ? "DELETED_ONLY" : "ACTIVE_ONLY",
        max_results: 200,
        page_token: token,
      },
    }),
  );
  const found = experiments.map((experiment) => experiment.experiment_id ?? "");
  const activities = new Map(
    (await activityOf(found)).map((activity) => [activity.experiment_id, activity]),
  );
  return {
    experiments: experiments.map((experiment) => {
      const activity = activities.get(experiment.experiment_id);
      return {
        id: experiment.experiment_id ?? "",
        name: shownName(experiment.name ?? "", experiment.experiment_id ?? ""),
        created: experiment.creation_time ?? 0,
        deleted: experiment.lifecycle_stage === "deleted",
        archived: experiment.tags?.some(({ key }) => key === ARCHIVED_TAG) ?? false,
        deletedBy: experiment.deleted_by ?? "",
        role: roleOf(experiment.role),
        runs: activity?.runs ?? 0,
        running: activity?.running ?? 0,
        lastActivity: activity?.last_activity ?? 0,
        days: activity?.runs_per_day ?? [],
        tags: (experiment.tags ?? [])
          .map(({ key = "", value = "" }): [string, string] => [key, value])
          .filter(([key]) => !/^(mlflow|runstream)\./.test(key)),
        description: experiment.tags?.find(({ key }) => key === NOTE_TAG)?.value ?? "",
      };
    }),
    next,
  };
}

/** Returns the word that searches for a tag. */
export function tagWord(key: string, value: string): string {
  return /[\s"]/.test(key + value) ? `"${key}=${value}"` : `${key}=${value}`;
}

/** Returns the words of a search; what is in double quotes is one. */
function words(text: string): string[] {
  return [...text.matchAll(/"([^"]+)"|[^\s"]+/g)].map((match) => match[1] ?? match[0]);
}

function ofWord(word: string): string {
  const name = `name ILIKE ${quoted(`%${word.replaceAll(/[!%_]/g, "!$&")}%`)} ESCAPE '!'`;
  const [, key, value = ""] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
  if (!key) return name;
  const tag = `tags."${key.replaceAll('"', '""')}"`;
  return `(${name} OR ${value ? `${tag} = ${quoted(value)}` : `${tag} IS NOT NULL`})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Returns what an experiment is called, and the role on it; raises ApiError if there is none. */
export async function readExperiment(id: string): Promise<Pick<Experiment, "name" | "role">> {
  const { experiment } = await answered(
    api.GET("/api/2.0/mlflow/experiments/get", { params: { query: { experiment_id: id } } }),
  );
  return { name: shownName(experiment?.name ?? "", id), role: roleOf(experiment?.role) };
}

/** Returns the names of experiments, deleted or not, by their ids. */
export async function experimentNames(ids: string[]): Promise<Map<string, string>> {
  const { experiments = [] } = await answered(
    api.POST("/api/2.0/mlflow/experiments/search", {
      body: {
        filter: `experiment_id IN (${ids.map(quoted).join(", ")})`,
        view_type: "ALL",
        max_results: ids.length,
      },
    }),
  );
  return new Map(
    experiments.map(({ experiment_id: id = "", name = "" }) => [id, shownName(name, id)]),
  );
}

export async function createExperiment(name: string): Promise<string> {
  const answer = await answered(api.POST("/api/2.0/mlflow/experiments/create", { body: { name } }));
  return answer.experiment_id ?? "";
}

export async function renameExperiment(id: string, name: string): Promise<void> {
  await answered(
    api.POST("/api/2.0/mlflow/experiments/update", { body: { experiment_id: id, new_name: name } }),
  );
}

export async function deleteExperiment(id: string): Promise<void> {
  await answered(api.POST("/api/2.0/mlflow/experiments/delete", { body: { experiment_id: id } }));
}

export async function restoreExperiment(id: string): Promise<void> {
  await answered(api.POST("/api/2.0/mlflow/experiments/restore", { body: { experiment_id: id } }));
}

/** Puts an experiment among the archived ones, or back; nothing else of it changes. */
export async function archiveExperiment(id: string, archived: boolean): Promise<void> {
  const tag = { experiment_id: id, key: ARCHIVED_TAG };
  await (archived
    ? answered(
        api.POST("/api/2.0/mlflow/experiments/set-experiment-tag", {
          body: { ...tag, value: "true" },
        }),
      )
    : answered(api.POST("/api/2.0/mlflow/experiments/delete-experiment-tag", { body: tag })));
}

/** Returns the URI of the REST API: that of the page, which may lie below a path of a proxy. */
export function httpUri(): string {
  return new URL(".", location.href).href.replace(/\/$/, "");
}

/** Returns the URI that training code logs to, as far as the page can know it. */
export async function trackingUri(): Promise<string> {
  const { grpc_port: port } = await answered(api.GET("/api/1.0/runstream/server"));
  return port ? `grpc://${location.hostname}:${port}` : httpUri();
}

async function activityOf(ids: string[]) {
  if (!ids.length) return [];
  const { activities = [] } = await answered(
    api.GET("/api/1.0/runstream/experiments/get-activity", {
      params: { query: { experiment_ids: ids, days: DAYS } },
    }),
  );
  return activities;
}
