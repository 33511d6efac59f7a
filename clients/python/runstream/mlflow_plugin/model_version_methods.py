"""The part of MLflow's model registry store about versions of registered models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlflow.store.entities.paged_list import PagedList

from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.entities import ModelVersion
from runstream.mlflow_plugin.mlflow_entities import to_mlflow_location, to_server_location
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.registry_entities import to_model_version
from runstream.transport.connection import Connection
from runstream.v1 import model_registry_service_pb2 as pb


@methods_with_mlflow_errors
class ModelVersionMethods:
    """Versions, as `mlflow.store.model_registry.abstract_store` describes each method."""

    _client: TrackingClient
    _connection: Connection

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Sequence[Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,  # noqa: ARG002 - where MLflow wrote the files
        model_id: str | None = None,
    ) -> Any:
        """Create a version of a registered model."""
        created = self._client.create_model_version(
            name,
            to_server_location(source),
            run_id,
            [(tag.key, tag.value) for tag in tags or ()],
            run_link,
            description,
            model_id=model_id,
        )
        return to_model_version(created)

    def update_model_version(self, name: str, version: str | int, description: str | None) -> Any:
        """Replace the description of a version."""
        return to_model_version(self._client.update_model_version(name, version, description))

    def transition_model_version_stage(
        self, name: str, version: str | int, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version to a stage."""
        return to_model_version(
            self._client.transition_model_version_stage(
                name, version, stage, archive_existing_versions
            )
        )

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Delete a version."""
        self._client.delete_model_version(name, version)

    def get_model_version(self, name: str, version: str | int) -> Any:
        """Return a version."""
        return to_model_version(self._client.get_model_version(name, version))

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Return the URI of the files of a version."""
        return to_mlflow_location(self._client.get_model_version_download_uri(name, version))

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Any]:
        """Return a page of the versions that a filter is true of."""
        request = new_message(
            pb.SearchModelVersionsRequest,
            filter=filter_string or "",
            max_results=max_results or 0,
            order_by=order_by or (),
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.registry.SearchModelVersions, request)
        found = map(ModelVersion.from_proto, page.model_versions)
        return PagedList(list(map(to_model_version, found)), page.next_page_token or None)

    def set_model_version_tag(self, name: str, version: str | int, tag: Any) -> None:
        """Set a tag of a version."""
        self._client.set_model_version_tag(name, version, tag.key, tag.value)

    def delete_model_version_tag(self, name: str, version: str | int, key: str) -> None:
        """Delete a tag of a version."""
        self._client.delete_model_version_tag(name, version, key)
