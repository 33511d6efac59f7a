"""MLflow's model registry store over gRPC."""

from __future__ import annotations

from mlflow.store.model_registry.abstract_store import AbstractStore

from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.model_version_methods import ModelVersionMethods
from runstream.mlflow_plugin.refusals import refuse_methods
from runstream.mlflow_plugin.registered_model_methods import RegisteredModelMethods
from runstream.mlflow_plugin.tracking_server import tracking_server


@methods_with_mlflow_errors
class RunstreamRegistryStore(RegisteredModelMethods, ModelVersionMethods, AbstractStore):
    """What MLflow's functions and its `MlflowClient` call for the models of a tracking URI."""

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        """Make the store of a registry URI, which is as a rule the tracking URI."""
        super().__init__(store_uri, tracking_uri)
        self._client, self._connection, _ = tracking_server(store_uri)


refuse_methods(RunstreamRegistryStore, AbstractStore, {"prompt": "prompts", "webhook": "webhooks"})
