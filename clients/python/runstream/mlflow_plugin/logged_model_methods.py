"""The part of MLflow's tracking store about logged models, which MLflow has from version 3 on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.store.entities.paged_list import PagedList

from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.contract.run_batches import ExperimentChoice
from runstream.entities import LoggedModel
from runstream.mlflow_plugin.experiment_ids import to_server_id
from runstream.mlflow_plugin.mlflow_entities import to_logged_model
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.transport.connection import Connection
from runstream.v1 import logged_model_service_pb2 as models


@methods_with_mlflow_errors
class LoggedModelMethods:
    """Logged models, as `mlflow.store.tracking.AbstractStore` describes each method."""

    _client: TrackingClient
    _connection: Connection

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Sequence[Any] | None = None,
        params: Sequence[Any] | None = None,
        model_type: str | None = None,
    ) -> Any:
        """Create a model whose files are to be uploaded."""
        choice = ExperimentChoice.of_id(str(experiment_id))
        created = self._client.create_logged_model(
            # That of its run is taken where the server does not say which it is.
            "" if choice.name and source_run_id else to_server_id(self._client, experiment_id),
            name,
            source_run_id,
            [(tag.key, tag.value) for tag in tags or ()],
            [(param.key, param.value) for param in params or ()],
            model_type,
        )
        return to_logged_model(created)

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Any]:
        """Return a page of the models that a filter is true of."""
        request = new_message(
            models.SearchLoggedModelsRequest,
            # For MLflow no experiments are none, for the contract they are all.
            experiment_ids=[to_server_id(self._client, one) for one in experiment_ids] or ["-1"],
            filter=filter_string or "",
            datasets=[new_message(models.DatasetFilter, **one) for one in datasets or ()],
            max_results=max_results or 0,
            order_by=[new_message(models.LoggedModelOrder, **one) for one in order_by or ()],
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.models.SearchLoggedModels, request)
        found = map(LoggedModel.from_proto, page.models)
        return PagedList(list(map(to_logged_model, found)), page.next_page_token or None)

    def finalize_logged_model(self, model_id: str, status: Any) -> Any:
        """Say whether the files of a model are there."""
        return to_logged_model(self._client.finalize_logged_model(model_id, status.value))

    def set_logged_model_tags(self, model_id: str, tags: Sequence[Any]) -> None:
        """Set tags of a model."""
        self._client.set_logged_model_tags(model_id, [(tag.key, tag.value) for tag in tags])

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Delete a tag of a model."""
        self._client.delete_logged_model_tag(model_id, key)

    def log_logged_model_params(self, model_id: str, params: Sequence[Any]) -> None:
        """Set params of a model, each once."""
        self._client.log_model_params(model_id, [(param.key, param.value) for param in params])

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> Any:
        """Return a model."""
        request = new_message(
            models.GetLoggedModelRequest, model_id=model_id, allow_deleted=allow_deleted
        )
        answer = self._connection.call(lambda stubs: stubs.models.GetLoggedModel, request)
        return to_logged_model(LoggedModel.from_proto(answer.model))

    def delete_logged_model(self, model_id: str) -> None:
        """Delete a model."""
        self._client.delete_logged_model(model_id)
