"""The differences between REST and gRPC that MLflow's clients need, as data where possible.

The parts that need code are in `mlflow_artifacts.py`, `mlflow_attachments.py`,
`mlflow_error_sentences.py`, `mlflow_history.py` and `mlflow_routes.py`.

Rows W1 to W6, X2 and X3 of docs/behaviour.md. MLflow's clients were observed on a server of MLflow
3.17.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from runstream.errors import InvalidArgument
from runstream.v1.metric_service_pb2 import POINT_ORDER_BY_TIMESTAMP

#: Paths under the first of these answer under the second, too (W4).
API_PREFIX, AJAX_PREFIX = "/api/", "/ajax-api/"

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
    "ListConsoleRequest": ("run_id",),
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
    "CreateRegisteredModelRequest": ("name",),
    "GetRegisteredModelRequest": ("name",),
    "RenameRegisteredModelRequest": ("name", "new_name"),
    "UpdateRegisteredModelRequest": ("name",),
    "DeleteRegisteredModelRequest": ("name",),
    "GetLatestVersionsRequest": ("name",),
    "CreateModelVersionRequest": ("name", "source"),
    "GetModelVersionRequest": ("name", "version"),
    "UpdateModelVersionRequest": ("name", "version"),
    "DeleteModelVersionRequest": ("name", "version"),
    "GetModelVersionDownloadUriRequest": ("name", "version"),
    "TransitionModelVersionStageRequest": ("name", "version", "stage"),
    "SetRegisteredModelTagRequest": ("name", "key"),
    "DeleteRegisteredModelTagRequest": ("name", "key"),
    "SetModelVersionTagRequest": ("name", "version", "key"),
    "DeleteModelVersionTagRequest": ("name", "version", "key"),
    "SetRegisteredModelAliasRequest": ("name", "alias", "version"),
    "DeleteRegisteredModelAliasRequest": ("name", "alias"),
    "GetModelVersionByAliasRequest": ("name", "alias"),
    "LoggedMetric": ("key", "value", "timestamp"),
    "Param": ("key",),
    "RunTag": ("key",),
    "ExperimentTag": ("key",),
    "InputTag": ("key",),
    "DatasetInput": ("dataset",),
    "Dataset": ("name", "digest", "source_type", "source"),
}

#: Old names of fields that requests may use, by message (W3).
REQUEST_ALIASES = {
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

#: Second names of fields in answers, by message (W3).
ANSWER_ALIASES = {"RunInfo": {"run_uuid": "run_id"}}

#: Fields that are left out if they are empty, by message (W2).
OMITTED_IF_EMPTY = {
    "Dataset": frozenset({"schema", "profile"}),
    "DatasetSummary": frozenset({"context"}),
    "LoggedMetric": frozenset({"dataset_name", "dataset_digest"}),
}

_RUN_ID = re.compile(r"[a-zA-Z0-9][\w-]{0,255}", re.ASCII)

#: Forms of fields, by message, where MLflow looks at the form before it looks for a run.
PATTERNS = {"LogRequest": {"run_id": _RUN_ID}, "LogInputsRequest": {"run_id": _RUN_ID}}

#: Values of fields that a request leaves out, by message: histories are by timestamp (M6).
DEFAULTS = {"GetMetricHistoryRequest": {"order": POINT_ORDER_BY_TIMESTAMP}}


def _search_nowhere_by_default(request: Any) -> None:
    """Look in no experiment where none is named."""
    if not request.experiment_ids:
        request.experiment_ids.append("-1")


def check_unquoted_path(path: str) -> None:
    """Refuse a path that leaves its folder once its escapes are taken away, as MLflow does it."""
    decoded = path
    for _ in range(10):
        path, decoded = decoded, unquote(decoded)
        if path == decoded:
            break
    if ".." in decoded.split("/") or (path != decoded):
        raise InvalidArgument(
            f"Invalid value {path[:100]!a} for parameter 'path' supplied",
            reason="PATH_MALFORMED",
            field="path",
            value=ascii(path),
            limit="within its folder",
        )


#: What is done to a request at a path of MLflow before it is answered, by message.
ADJUST: dict[str, Callable[[Any], None]] = {
    "SearchRunsRequest": _search_nowhere_by_default,
    "ListArtifactsRequest": lambda request: check_unquoted_path(request.path),
    "ListLoggedModelArtifactsRequest": lambda request: check_unquoted_path(
        request.artifact_directory_path
    ),
}

#: What MLflow returns in place of infinity (M3).
MAX_DOUBLE = sys.float_info.max

#: The purposes of those parts of MLflow's API that Runstream does not have, by the beginning of
#: their paths after `mlflow/`.
NOT_IMPLEMENTED = {
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
NO_DIRECT_STORAGE = {
    "mpu": "Multipart upload is not supported for the current artifact repository: "
    "upload the file as one, of any size",
    "presigned": "Runstream hands out no addresses of its storage: download the file by the proxy",
}


def is_mlflow_path(path: str) -> bool:
    """Return whether a path is one of MLflow's API, the artifact proxy included."""
    return path.startswith(_ALL_PATHS)


_ALL_PATHS = (
    *(
        prefix + number + part
        for prefix in (API_PREFIX, AJAX_PREFIX)
        for number in ("2.0", "3.0")
        for part in ("/mlflow/", "/mlflow-artifacts/")
    ),
    "/get-artifact",
)
