"""The calls of a client about logged models and their metrics.

The files of a model are uploaded and read as those of a run, by the id of the model in its place.
"""

from __future__ import annotations

from collections.abc import Iterable

from runstream.calls.metric_points import to_point
from runstream.contract.messages import new_message
from runstream.contract.params_and_tags import Pairs, to_texts
from runstream.contract.text_lists import check_not_single_text
from runstream.entities import Metric
from runstream.transport.connection import Connection
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.logged_model_pb2 import (
    LOGGED_MODEL_STATUS_UNSPECIFIED,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
)
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import ModelInput, ModelOutput
from runstream.v1.run_service_pb2 import LogInputsRequest, LogOutputsRequest


class LoggedModelCalls:
    """The part of `TrackingClient` about logged models, their metrics, inputs and outputs."""

    _connection: Connection

    def create_logged_model(
        self,
        experiment_id: str = "0",
        name: str = "",
        source_run_id: str = "",
        tags: Pairs = (),
        params: Pairs = (),
        model_type: str = "",
        model_id: str = "",
    ) -> str:
        """Create a model whose files are to be uploaded, and return its id.

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
        request = models.CreateLoggedModelRequest(
            experiment_id=experiment_id,
            name=name,
            model_type=model_type,
            source_run_id=source_run_id,
            params=[
                LoggedModelParameter(key=k, value=v) for k, v in to_texts("params", params).items()
            ],
            tags=[LoggedModelTag(key=k, value=v) for k, v in to_texts("tags", tags).items()],
            model_id=model_id,
        )
        created = self._connection.call(lambda stubs: stubs.models.CreateLoggedModel, request)
        return created.model.info.model_id

    def finalize_logged_model(self, model_id: str, status: str = "READY") -> None:
        """Say whether the files of a model are there: READY or UPLOAD_FAILED.

        Raises:
            InvalidArgument: the status is another.
            NotFound: there is no such model.
        """
        name = f"LOGGED_MODEL_{status}"
        known = dict(LoggedModelStatus.items()).get(name, LOGGED_MODEL_STATUS_UNSPECIFIED)
        request = models.FinalizeLoggedModelRequest(model_id=model_id, status=known)
        self._connection.call(lambda stubs: stubs.models.FinalizeLoggedModel, request)

    def log_model_metrics(
        self,
        run_id: str,
        model_id: str,
        metrics: Iterable[Metric | tuple[str, float, int, int]],
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
        self._connection.call(lambda stubs: stubs.logs.Log, request)

    def log_input_models(self, run_id: str, model_ids: Iterable[str]) -> None:
        """Record models that a run read, each once; raises as `log_inputs`."""
        check_not_single_text("model_ids", model_ids)
        inputs = [ModelInput(model_id=model_id) for model_id in model_ids]
        request = LogInputsRequest(run_id=run_id, models=inputs)
        self._connection.call(lambda stubs: stubs.runs.LogInputs, request)

    def log_outputs(self, run_id: str, outputs: Iterable[tuple[str, int]]) -> None:
        """Record models that a run made, as (model_id, step); raises as `log_inputs`."""
        made = [ModelOutput(model_id=model_id, step=step) for model_id, step in outputs]
        request = LogOutputsRequest(run_id=run_id, models=made)
        self._connection.call(lambda stubs: stubs.runs.LogOutputs, request)
