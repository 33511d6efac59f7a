"""The part of MLflow's model registry store about registered models and their aliases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlflow.store.entities.paged_list import PagedList

from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.entities import RegisteredModel
from runstream.mlflow_plugin.mlflow_errors import NotInRunstream, methods_with_mlflow_errors
from runstream.mlflow_plugin.registry_entities import to_model_version, to_registered_model
from runstream.transport.connection import Connection
from runstream.v1 import model_registry_service_pb2 as pb

# The tag that makes a prompt of a registered model.
_IS_PROMPT = "mlflow.prompt.is_prompt"


@methods_with_mlflow_errors
class RegisteredModelMethods:
    """Registered models, as `mlflow.store.model_registry.abstract_store` describes each method."""

    _client: TrackingClient
    _connection: Connection

    def create_registered_model(
        self,
        name: str,
        tags: Sequence[Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,  # noqa: ARG002 - Databricks has jobs
    ) -> Any:
        """Create a registered model."""
        pairs = [(tag.key, tag.value) for tag in tags or ()]
        if any(key == _IS_PROMPT for key, _ in pairs):  # which MLflow 3 keeps as such models
            raise NotInRunstream("Runstream does not have prompts")
        return to_registered_model(self._client.create_registered_model(name, pairs, description))

    def update_registered_model(
        self,
        name: str,
        description: str | None,
        deployment_job_id: str | None = None,  # noqa: ARG002 - Databricks has jobs
    ) -> Any:
        """Replace the description of a registered model."""
        return to_registered_model(self._client.update_registered_model(name, description))

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Give a registered model another name."""
        return to_registered_model(self._client.rename_registered_model(name, new_name))

    def delete_registered_model(self, name: str) -> None:
        """Delete a registered model with all its versions."""
        self._client.delete_registered_model(name)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Any]:
        """Return a page of the registered models that a filter is true of."""
        request = new_message(
            pb.SearchRegisteredModelsRequest,
            filter=filter_string or "",
            max_results=max_results or 0,
            order_by=order_by or (),
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.registry.SearchRegisteredModels, request)
        found = map(RegisteredModel.from_proto, page.registered_models)
        return PagedList(list(map(to_registered_model, found)), page.next_page_token or None)

    def get_registered_model(self, name: str) -> Any:
        """Return a registered model."""
        return to_registered_model(self._client.get_registered_model(name))

    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[Any]:
        """Return of each stage the version with the highest number."""
        return list(map(to_model_version, self._client.get_latest_versions(name, stages)))

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set a tag of a registered model."""
        self._client.set_registered_model_tag(name, tag.key, tag.value)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag of a registered model."""
        self._client.delete_registered_model_tag(name, key)

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Let an alias lead to a version."""
        self._client.set_registered_model_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias."""
        self._client.delete_registered_model_alias(name, alias)

    def get_model_version_by_alias(self, name: str, alias: str) -> Any:
        """Return the version to which an alias leads."""
        return to_model_version(self._client.get_model_version_by_alias(name, alias))
