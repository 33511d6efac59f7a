"""MLflow's tracking store over gRPC."""

from __future__ import annotations

from mlflow.store.tracking.abstract_store import AbstractStore

from runstream.mlflow_plugin.experiment_methods import ExperimentMethods
from runstream.mlflow_plugin.logged_model_methods import LoggedModelMethods
from runstream.mlflow_plugin.logging_methods import LoggingMethods
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.refusals import refuse_methods
from runstream.mlflow_plugin.run_changes import RunChanges
from runstream.mlflow_plugin.run_methods import RunMethods
from runstream.mlflow_plugin.tracking_server import tracking_server

# What MLflow has and Runstream has not, by a word in the names of the methods for it.
_MISSING = {
    "trace": "traces",
    "span": "traces",
    "assessment": "traces",
    "session": "traces",
    "issue": "issues",
    "dataset": "evaluation datasets",
    "scorer": "scorers",
    "scoring": "scorers",
    "label_schema": "label schemas",
    "review_queue": "review queues",
    "user_queue": "review queues",
    "prompt": "prompts",
    "mcp": "a registry of MCP servers",
    "gateway": "a gateway",
    "secret": "a gateway",
    "endpoint": "a gateway",
    "guardrail": "a gateway",
    "budget": "a gateway",
}


@methods_with_mlflow_errors
class RunstreamStore(
    ExperimentMethods, RunMethods, LoggingMethods, LoggedModelMethods, AbstractStore
):
    """What MLflow's functions and its `MlflowClient` call for a tracking URI of Runstream.

    MLflow keeps one for each tracking URI until the program ends.
    """

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        """Make the store of a tracking URI; MLflow's server alone gives a root of artifacts."""
        super().__init__()
        self._client, self._connection, self._known = tracking_server(store_uri)
        self._changes = RunChanges(self._client, self._known)
        self._is_in_program = artifact_uri is None


refuse_methods(RunstreamStore, AbstractStore, _MISSING)
