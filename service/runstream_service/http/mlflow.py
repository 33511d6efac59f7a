"""What is peculiar to MLflow's wire, as data where it can be.

Rows W1 to W6, X2 and X3 of docs/behaviour.md. MLflow's clients were observed on a server of MLflow
3.17.
"""

from __future__ import annotations

import sys

from runstream.v1.metric_service_pb2 import POINT_ORDER_BY_TIMESTAMP

#: Paths under the first of these answer under the second, too (W4).
PREFIX, TWIN = "/api/", "/ajax-api/"

#: Routes under these paths answer as MLflow does, infinities included (M3).
MLFLOW_PATHS = ("/api/2.0/mlflow/", "/api/3.0/mlflow/")

#: Fields without which MLflow refuses a request, by message (X3).
REQUIRED = {
    "CreateExperimentRequest": ("name",),
    "GetExperimentRequest": ("experiment_id",),
    "GetExperimentByNameRequest": ("experiment_name",),
    "UpdateExperimentRequest": ("experiment_id",),
    "DeleteExperimentRequest": ("experiment_id",),
    "RestoreExperimentRequest": ("experiment_id",),
    "SetExperimentTagRequest": ("experiment_id", "key"),
    "DeleteExperimentTagRequest": ("experiment_id", "key"),
    "GetRunRequest": ("run_id",),
    "UpdateRunRequest": ("run_id",),
    "DeleteRunRequest": ("run_id",),
    "RestoreRunRequest": ("run_id",),
    "LogParamRequest": ("run_id", "key"),
    "SetTagRequest": ("run_id", "key"),
    "DeleteTagRequest": ("run_id", "key"),
    "LogInputsRequest": ("run_id",),
    "LogMetricRequest": ("run_id", "key", "value", "timestamp"),
    "LogRequest": ("run_id",),
    "GetMetricHistoryRequest": ("run_id", "metric_key"),
    "GetMetricHistoryBulkRequest": ("run_id", "metric_key"),
    "GetMetricHistoryBulkIntervalRequest": ("run_ids", "metric_key"),
    "ListArtifactsRequest": ("run_id",),
    "Metric": ("key", "value", "timestamp"),
    "Param": ("key",),
    "RunTag": ("key",),
    "ExperimentTag": ("key",),
    "InputTag": ("key",),
    "DatasetInput": ("dataset",),
    "Dataset": ("name", "digest", "source_type", "source"),
}

#: Old names of fields, by message (W3).
OLD_NAMES = {
    name: {"run_uuid": "run_id"}
    for name in (
        "GetRunRequest",
        "UpdateRunRequest",
        "LogMetricRequest",
        "LogParamRequest",
        "SetTagRequest",
        "GetMetricHistoryRequest",
        "ListArtifactsRequest",
    )
}

#: Fields that are told under a second name, by message (W3).
TOLD_TWICE = {"RunInfo": {"run_uuid": "run_id"}}

#: What a request says that does not say otherwise, by message: histories by timestamp (M6).
DEFAULTS = {"GetMetricHistoryRequest": {"order": POINT_ORDER_BY_TIMESTAMP}}

#: What MLflow returns in place of infinity (M3).
LARGEST = sys.float_info.max

#: Parts of MLflow's API that Runstream has nothing for, by the beginning of their paths after
#: `mlflow/`.
NOT_HERE = {
    "registered-models": "a model registry",
    "model-versions": "a model registry",
    "traces": "traces",
    "assessments": "traces",
    "prompts": "prompts",
    "webhooks": "webhooks",
    "scorers": "scorers",
    "datasets": "evaluation datasets",
    "gateway": "a gateway",
    "jobs": "jobs",
    "issues": "issues",
    "label-schemas": "label schemas",
    "review-queues": "review queues",
    "prompt-optimization": "an optimizer of prompts",
    "unified-traces": "traces",
    "get-online-trace-details": "traces",
    "unity-catalog": "a model registry",
    "users": "users",
    "workspaces": "workspaces",
}

#: Parts of MLflow's artifact proxy that hand out addresses of an object store, by the beginning of
#: their paths after `mlflow-artifacts/`, and what is answered. At the first of these texts MLflow's
#: client uploads the file as one, which is what Runstream is good at: it takes no memory for it.
NO_ADDRESSES = {
    "mpu": "Multipart upload is not supported for the current artifact repository: "
    "upload the file as one, of any size",
    "presigned": "Runstream hands out no addresses of its storage: download the file by the proxy",
}
