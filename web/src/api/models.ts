// Models that runs logged.

import { answered, api, type Schemas } from "./client";

const MOST_MODELS = 100;

/** Lists the models that a run made, the newest first. */
export async function listModels(
  experimentId: string,
  runId: string,
): Promise<Schemas["LoggedModelInfo"][]> {
  const body = {
    experiment_ids: [experimentId],
    filter: `source_run_id = '${runId}'`,
    max_results: MOST_MODELS,
  };
  const page = await answered(api.POST("/api/2.0/mlflow/logged-models/search", { body }));
  return (page.models ?? []).flatMap((model) => model.info ?? []);
}
