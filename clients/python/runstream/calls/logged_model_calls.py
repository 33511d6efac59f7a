"""The calls of a client about logged models and their metrics.

The files of a model are uploaded and read as those of a run, by the id of the model in its place.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from runstream import entities
from runstream.calls.background_calls import BackgroundCalls
from runstream.calls.metric_points import to_point
from runstream.calls.task_delivery import create_model
from runstream.contract.messages import ensure_write_id, new_message
from runstream.contract.params_and_tags import Pairs, to_texts
from runstream.contract.response_checks import check_next_page_token
from runstream.contract.text_lists import check_not_single_text
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.logged_model_pb2 import (
    LOGGED_MODEL_PENDING,
    LOGGED_MODEL_READY,
    LOGGED_MODEL_STATUS_UNSPECIFIED,
    LOGGED_MODEL_UPLOAD_FAILED,
    LoggedModelData,
    LoggedModelInfo,
    LoggedModelParameter,
    LoggedModelTag,
)
from runstream.v1.logged_model_pb2 import LoggedModel as LoggedModelMessage
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogRequest
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import ModelInput, ModelOutput
from runstream.v1.run_service_pb2 import LogInputsRequest, LogOutputsRequest
from runstream.v1.spool_pb2 import SpoolTask

# Models of a page.
_PAGE_SIZE = 100

# By MLflow's word, and by the contract's where it has another.
_FINAL_STATUSES = {
    "READY": LOGGED_MODEL_READY,
    "FAILED": LOGGED_MODEL_UPLOAD_FAILED,
    "UPLOAD_FAILED": LOGGED_MODEL_UPLOAD_FAILED,
}


class LoggedModelCalls(BackgroundCalls):
    """The part of `TrackingClient` about logged models, their metrics, inputs and outputs.

    While the server is away, what creates and fills a model is kept, as files are (`log_artifact`).
    """

    def create_logged_model(
        self,
        experiment_id: str = "0",
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Pairs | None = None,
        params: Pairs | None = None,
        model_type: str | None = None,
        model_id: str | None = None,
    ) -> entities.LoggedModel:
        """Create a model whose files are to be uploaded, and return it.

        Args:
            experiment_id: the experiment it belongs to.
            name: name for people; one is generated if left out.
            source_run_id: the run that makes it.
            tags: tags to set.
            params: params to set, each once.
            model_type: kind of model, such as `Classifier`.
            model_id: `m-` and 32 lower-case hexadecimal digits, generated if left out; a model of
                this id that is there stays as it is.

        Raises:
            InvalidArgument: an argument breaks its rule.
            NotFound: there is no such experiment.
            FailedPrecondition: the experiment is deleted.
            AlreadyExists: a model of another experiment, or a deleted one, has the id.
        """
        request = new_message(
            models.CreateLoggedModelRequest,
            experiment_id=experiment_id,
            name=name or "",
            model_type=model_type or "",
            source_run_id=source_run_id or "",
            params=_to_params(params or ()),
            tags=_to_tags(tags or ()),
            # With an id that we chose, a request whose answer was lost can be sent again.
            model_id=model_id or f"m-{secrets.token_hex(16)}",
        )

        def create() -> entities.LoggedModel:
            if source_run_id:
                self._wait_for_earlier(source_run_id)
            return entities.LoggedModel.from_proto(create_model(self._connection, request).model)

        task = SpoolTask(create_model=request)
        return self._call_or_keep(request.model_id, create, task) or _unconfirmed(request)

    def get_logged_model(self, model_id: str) -> entities.LoggedModel:
        """Return a model with all that was logged of it before.

        Raises:
            NotFound: there is none of this id, or it is deleted.
        """
        self._outbox.flush()
        self._wait_for_models(model_id)
        request = new_message(models.GetLoggedModelRequest, model_id=model_id)
        answer = self._connection.call(lambda stubs: stubs.models.GetLoggedModel, request)
        return entities.LoggedModel.from_proto(answer.model)

    def search_logged_models(
        self,
        experiment_ids: Iterable[str] | None = None,
        filter_string: str | None = None,
        datasets: Iterable[Mapping[str, str]] | None = None,
        max_results: int | None = None,
        order_by: Iterable[Mapping[str, Any]] | None = None,
    ) -> Iterator[entities.LoggedModel]:
        """Yield the models that a filter is true of, asking for page after page.

        Args:
            experiment_ids: the experiments to search; all, if left out.
            filter_string: such as `name = 'forest' and metrics.accuracy > 0.9`: see
                SearchLoggedModels in the contract.
            datasets: only models measured with one of these, as
                `{"dataset_name": ..., "dataset_digest": ...}`, of which the digest may be left out.
            max_results: the most models to yield; all, if left out.
            order_by: such as `[{"field_name": "metrics.accuracy", "ascending": False}]`, maybe
                with `dataset_name` and `dataset_digest`; the newest first, if left out.

        Raises:
            InvalidArgument: filter, order or dataset is malformed; raised by the first `next`.
        """
        check_not_single_text("experiment_ids", experiment_ids)
        request = new_message(
            models.SearchLoggedModelsRequest,
            experiment_ids=None if experiment_ids is None else list(map(str, experiment_ids)),
            filter=filter_string or "",
            datasets=[new_message(models.DatasetFilter, **one) for one in datasets or ()],
            order_by=[new_message(models.LoggedModelOrder, **one) for one in order_by or ()],
        )
        if experiment_ids is not None and not request.experiment_ids:
            return iter(())
        return islice(self._read_model_pages(request), max_results)

    def delete_logged_model(self, model_id: str) -> None:
        """Delete a model; a purge removes it for good. Raises NotFound."""
        self._wait_for_models(model_id)
        request = new_message(models.DeleteLoggedModelRequest, model_id=model_id)
        self._connection.call(lambda stubs: stubs.models.DeleteLoggedModel, request)

    def set_logged_model_tags(self, model_id: str, tags: Pairs) -> None:
        """Set tags of a model.

        Raises:
            InvalidArgument, NotFound, FailedPrecondition: see SetLoggedModelTags in the contract.
        """
        request = new_message(
            models.SetLoggedModelTagsRequest, model_id=model_id, tags=_to_tags(tags)
        )
        ensure_write_id(request)  # it may be sent now and again later
        self._call_or_keep(
            model_id,
            lambda: self._connection.call(lambda stubs: stubs.models.SetLoggedModelTags, request),
            SpoolTask(set_model_tags=request),
        )

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Delete a tag of a model; raises NotFound if there is no such model or tag."""
        self._wait_for_models(model_id)
        request = new_message(models.DeleteLoggedModelTagRequest, model_id=model_id, tag_key=key)
        self._connection.call(lambda stubs: stubs.models.DeleteLoggedModelTag, request)

    def log_model_params(self, model_id: str, params: Pairs) -> None:
        """Set params of a model, each once: the same value again is fine.

        Raises:
            InvalidArgument, NotFound, FailedPrecondition: see LogLoggedModelParams in the contract.
        """
        request = new_message(
            models.LogLoggedModelParamsRequest, model_id=model_id, params=_to_params(params)
        )
        ensure_write_id(request)  # it may be sent now and again later
        self._call_or_keep(
            model_id,
            lambda: self._connection.call(lambda stubs: stubs.models.LogLoggedModelParams, request),
            SpoolTask(log_model_params=request),
        )

    def finalize_logged_model(self, model_id: str, status: str = "READY") -> entities.LoggedModel:
        """Say whether the files of a model are there, READY or FAILED, and return it.

        Raises:
            InvalidArgument: the status is another.
            NotFound: there is no such model.
        """
        request = new_message(
            models.FinalizeLoggedModelRequest,
            model_id=model_id,
            status=_FINAL_STATUSES.get(status, LOGGED_MODEL_STATUS_UNSPECIFIED),
        )
        ensure_write_id(request)  # it may be sent now and again later
        answer = self._call_or_keep(
            model_id,
            lambda: self._connection.call(lambda stubs: stubs.models.FinalizeLoggedModel, request),
            SpoolTask(finalize_model=request),
        )
        if answer is not None:
            return entities.LoggedModel.from_proto(answer.model)
        info = LoggedModelInfo(model_id=model_id, status=request.status)
        return entities.LoggedModel.from_proto(LoggedModelMessage(info=info))

    def log_model_metrics(
        self,
        run_id: str,
        model_id: str,
        metrics: Iterable[entities.Metric | tuple[str, float, int, int]],
        dataset: tuple[str, str] | None = None,
    ) -> None:
        """Log points of a run that measure a model; they are on disk when it returns.

        Args:
            run_id: the run.
            model_id: the model.
            metrics: points as (key, value, timestamp, step), up to 4 MiB of them.
            dataset: name and digest of the dataset that the model was measured with.

        Raises:
            InvalidArgument: something breaks its rule.
            NotFound: there is no such run or model.
            FailedPrecondition: the run is deleted.
        """
        name, digest = dataset or ("", "")
        points = [to_point(*row) for row in metrics]
        request = new_message(
            LogRequest,
            run_id=run_id,
            metrics=[
                new_message(
                    LoggedMetric,
                    key=point.key,
                    value=point.value,
                    timestamp=point.timestamp,
                    step=point.step,
                    model_id=model_id,
                    dataset_name=name,
                    dataset_digest=digest,
                )
                for point in points
            ],
        )

        def log() -> object:
            self._wait_for_earlier(model_id)
            return self._connection.call(lambda stubs: stubs.logs.Log, request)

        ensure_write_id(request)  # it may be sent now and again later
        self._call_or_keep(run_id, log, SpoolTask(log_points=request))

    def log_input_models(self, run_id: str, model_ids: Iterable[str]) -> None:
        """Record models that a run read, each once; raises as `log_inputs`."""
        check_not_single_text("model_ids", model_ids)
        inputs = [ModelInput(model_id=model_id) for model_id in model_ids]
        batch = LogBatchRequest(run_id=run_id, model_inputs=inputs)
        request = LogInputsRequest(run_id=run_id, models=inputs)
        self._do_or_keep(
            run_id,
            lambda: self._connection.call(lambda stubs: stubs.runs.LogInputs, request),
            lambda _: self._queue_batch(batch),
        )

    def log_outputs(self, run_id: str, models: Iterable[tuple[str, int]]) -> None:
        """Record models that a run made, as (model_id, step); raises as `log_inputs`."""
        made = [ModelOutput(model_id=model_id, step=step) for model_id, step in models]
        batch = LogBatchRequest(run_id=run_id, model_outputs=made)
        request = LogOutputsRequest(run_id=run_id, models=made)
        self._do_or_keep(
            run_id,
            lambda: self._connection.call(lambda stubs: stubs.runs.LogOutputs, request),
            lambda _: self._queue_batch(batch),
        )

    def _queue_batch(self, batch: LogBatchRequest) -> bool:
        self._outbox.buffer(batch.run_id).queue_batch(batch)
        return True

    def _read_model_pages(
        self, request: models.SearchLoggedModelsRequest
    ) -> Iterator[entities.LoggedModel]:
        self._outbox.flush()
        self._wait_for_models(*self._outbox.background.backlog())
        request.max_results = _PAGE_SIZE
        while True:
            page = self._connection.call(lambda stubs: stubs.models.SearchLoggedModels, request)
            yield from map(entities.LoggedModel.from_proto, page.models)
            request.page_token = check_next_page_token(
                request, page.next_page_token, len(page.models)
            )
            if not request.page_token:
                return


def _to_params(params: Pairs) -> list[LoggedModelParameter]:
    return [LoggedModelParameter(key=k, value=v) for k, v in to_texts("params", params).items()]


def _to_tags(tags: Pairs) -> list[LoggedModelTag]:
    return [LoggedModelTag(key=k, value=v) for k, v in to_texts("tags", tags).items()]


def _unconfirmed(request: models.CreateLoggedModelRequest) -> entities.LoggedModel:
    """Return a model as far as it is known before a server has created it."""
    now = time.time_ns() // 1_000_000
    info = LoggedModelInfo(
        model_id=request.model_id,
        experiment_id=request.experiment_id,
        name=request.name,
        creation_timestamp_ms=now,
        last_updated_timestamp_ms=now,
        status=LOGGED_MODEL_PENDING,
        model_type=request.model_type,
        source_run_id=request.source_run_id,
        tags=request.tags,
    )
    data = LoggedModelData(params=request.params)
    return entities.LoggedModel.from_proto(LoggedModelMessage(info=info, data=data))
