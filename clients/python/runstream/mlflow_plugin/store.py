"""MLflow's tracking store over gRPC."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

from mlflow.store.tracking.abstract_store import AbstractStore

from runstream.mlflow_plugin.experiment_methods import ExperimentMethods
from runstream.mlflow_plugin.logged_model_methods import LoggedModelMethods
from runstream.mlflow_plugin.logging_methods import LoggingMethods
from runstream.mlflow_plugin.mlflow_errors import NotInRunstream, methods_with_mlflow_errors
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


def _refusal(name: str, what: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NotInRunstream(f"Runstream does not have {what}: {name} is not possible")

    refuse.__name__ = name
    return refuse


def _refuse_what_is_missing() -> None:
    """Let the methods for what is missing say so, whichever of them this version of MLflow has."""
    for name, _ in inspect.getmembers(AbstractStore, inspect.isfunction):
        what = next((_MISSING[word] for word in _MISSING if word in name), None)
        if what and not name.startswith("_"):
            setattr(RunstreamStore, name, _refusal(name, what))


_refuse_what_is_missing()
