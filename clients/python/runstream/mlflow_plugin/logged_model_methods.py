"""The part of MLflow's tracking store about logged models, which MLflow has from version 3 on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.store.entities.paged_list import PagedList

from runstream.contract.messages import new_message
from runstream.mlflow_plugin.mlflow_entities import to_logged_model
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.transport.connection import Connection
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.logged_model_pb2 import LoggedModelParameter, LoggedModelTag


@methods_with_mlflow_errors
class LoggedModelMethods:
    """Logged models, as `mlflow.store.tracking.AbstractStore` describes each method."""

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
        request = new_message(
            models.CreateLoggedModelRequest,
            experiment_id=experiment_id,
            name=name or "",
            source_run_id=source_run_id or "",
            tags=_tag_messages(tags or ()),
            params=_param_messages(params or ()),
            model_type=model_type or "",
            model_id=f"m-{secrets.token_hex(16)}",  # so that the call can be sent again
        )
        answer = self._connection.call(lambda stubs: stubs.models.CreateLoggedModel, request)
        return to_logged_model(answer.model)

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
            experiment_ids=list(map(str, experiment_ids)) or ["-1"],
            filter=filter_string or "",
            datasets=[new_message(models.DatasetFilter, **one) for one in datasets or ()],
            max_results=max_results or 0,
            order_by=[new_message(models.LoggedModelOrder, **one) for one in order_by or ()],
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.models.SearchLoggedModels, request)
        return PagedList(list(map(to_logged_model, page.models)), page.next_page_token or None)

    def finalize_logged_model(self, model_id: str, status: Any) -> Any:
        """Say whether the files of a model are there."""
        request = new_message(
            models.FinalizeLoggedModelRequest, model_id=model_id, status=status.to_int()
        )
        answer = self._connection.call(lambda stubs: stubs.models.FinalizeLoggedModel, request)
        return to_logged_model(answer.model)

    def set_logged_model_tags(self, model_id: str, tags: Sequence[Any]) -> None:
        """Set tags of a model."""
        request = new_message(
            models.SetLoggedModelTagsRequest, model_id=model_id, tags=_tag_messages(tags)
        )
        self._connection.call(lambda stubs: stubs.models.SetLoggedModelTags, request)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Delete a tag of a model."""
        request = new_message(models.DeleteLoggedModelTagRequest, model_id=model_id, tag_key=key)
        self._connection.call(lambda stubs: stubs.models.DeleteLoggedModelTag, request)

    def log_logged_model_params(self, model_id: str, params: Sequence[Any]) -> None:
        """Set params of a model, each once."""
        request = new_message(
            models.LogLoggedModelParamsRequest, model_id=model_id, params=_param_messages(params)
        )
        self._connection.call(lambda stubs: stubs.models.LogLoggedModelParams, request)

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> Any:
        """Return a model."""
        request = new_message(
            models.GetLoggedModelRequest, model_id=model_id, allow_deleted=allow_deleted
        )
        answer = self._connection.call(lambda stubs: stubs.models.GetLoggedModel, request)
        return to_logged_model(answer.model)

    def delete_logged_model(self, model_id: str) -> None:
        """Delete a model."""
        request = new_message(models.DeleteLoggedModelRequest, model_id=model_id)
        self._connection.call(lambda stubs: stubs.models.DeleteLoggedModel, request)


def _tag_messages(tags: Sequence[Any]) -> list[LoggedModelTag]:
    return [new_message(LoggedModelTag, key=tag.key, value=tag.value) for tag in tags]


def _param_messages(params: Sequence[Any]) -> list[LoggedModelParameter]:
    return [new_message(LoggedModelParameter, key=one.key, value=one.value) for one in params]
