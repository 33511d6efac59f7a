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
  /** Who deleted it; empty if nobody did, or if the server did not know. */
  deletedBy: string;
  /** What who is signed in may do with it. */
  role: Role;
  runs: number;
  running: number;
  lastActivity: number;
}

export interface ExperimentPage {
  experiments: Experiment[];
  next: string;
}

/** Returns a page of the experiments whose names contain a text, those of late first. */
export async function searchExperiments(
  text: string,
  deleted: boolean,
  token = "",
): Promise<ExperimentPage> {
  const pattern = `%${text.replaceAll(/[!%_]/g, "!$&").replaceAll("'", "''")}%`;
  const { experiments = [], next_page_token: next = "" } = await answered(
    api.POST("/api/2.0/mlflow/experiments/search", {
      body: {
        filter: text ? `name ILIKE '${pattern}' ESCAPE '!'` : "",
        view_type: deleted ? "DELETED_ONLY" : "ACTIVE_ONLY",
        max_results: 200,
        page_token: token,
      },
    }),
  );
  const ids = experiments.map((experiment) => experiment.experiment_id ?? "");
  const activities = new Map(
    (await activityOf(ids)).map((activity) => [activity.experiment_id, activity]),
  );
  return {
    experiments: experiments.map((experiment) => {
      const activity = activities.get(experiment.experiment_id);
      return {
        id: experiment.experiment_id ?? "",
        name: shownName(experiment.name ?? "", experiment.experiment_id ?? ""),
        created: experiment.creation_time ?? 0,
        deleted: experiment.lifecycle_stage === "deleted",
        deletedBy: experiment.deleted_by ?? "",
        role: roleOf(experiment.role),
        runs: activity?.runs ?? 0,
        running: activity?.running ?? 0,
        lastActivity: activity?.last_activity ?? 0,
      };
    }),
    next,
  };
}

/** Returns what an experiment is called, and the role on it; raises ApiError if there is none. */
export async function readExperiment(id: string): Promise<Pick<Experiment, "name" | "role">> {
  const { experiment } = await answered(
    api.GET("/api/2.0/mlflow/experiments/get", { params: { query: { experiment_id: id } } }),
  );
  return { name: shownName(experiment?.name ?? "", id), role: roleOf(experiment?.role) };
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
      params: { query: { experiment_ids: ids } },
    }),
  );
  return activities;
}
