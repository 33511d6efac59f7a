"""What the server answers as MLflow's entities.

Runs are made of messages, because MLflow shows more of them than the entities of `TrackingClient`
hold: the step and time of the latest points, and the models that a run read and made.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from mlflow import entities
from mlflow.entities import Experiment, Metric, Param, Run, RunData, RunInfo, RunTag

import runstream.entities
from runstream.contract.run_names import NAME_TAG
from runstream.v1 import metric_pb2, run_pb2

#: What the server calls the place of artifacts that it keeps itself, and what MLflow's programs see
#: instead: MLflow takes the first for something that only a server of HTTP has.
_SERVER_SCHEME, ARTIFACT_SCHEME = "mlflow-artifacts", "runstream-artifacts"

# MLflow 2 has neither models of their own nor outputs of runs, and names a run twice.
HAS_LOGGED_MODELS = hasattr(entities, "LoggedModel")
_HAS_RUN_UUID = "run_uuid" in inspect.signature(RunInfo).parameters


def to_mlflow_location(uri: str) -> str:
    """Return the URI of artifacts as MLflow resolves it, to the repository of this package."""
    return _with_scheme(uri, _SERVER_SCHEME, ARTIFACT_SCHEME)


def to_server_location(uri: str) -> str:
    """Return the URI of artifacts as the server knows it."""
    return _with_scheme(uri, ARTIFACT_SCHEME, _SERVER_SCHEME)


def to_experiment(found: runstream.entities.Experiment) -> Experiment:
    """Convert an experiment."""
    return Experiment(
        experiment_id=found.experiment_id,
        name=found.name,
        artifact_location=to_mlflow_location(found.artifact_location),
        lifecycle_stage=found.lifecycle_stage,
        tags=[entities.ExperimentTag(key, value) for key, value in found.tags.items()],
        creation_time=found.creation_time,
        last_update_time=found.last_update_time,
    )


def to_run(message: run_pb2.Run) -> Run:
    """Convert a run with what it logged, read and made."""
    inputs: list[Any] = [[_to_dataset_input(one) for one in message.inputs.dataset_inputs]]
    outputs = []
    if HAS_LOGGED_MODELS:
        inputs.append(
            [entities.LoggedModelInput(one.model_id) for one in message.inputs.model_inputs]
        )
        made = message.outputs.model_outputs
        models = [entities.LoggedModelOutput(one.model_id, one.step) for one in made]
        outputs.append(entities.RunOutputs(models))
    return Run(
        to_run_info(runstream.entities.RunInfo.from_proto(message.info)),
        RunData(
            metrics=to_metrics(message.data.metrics),
            params=[Param(param.key, param.value) for param in message.data.params],
            tags=[RunTag(tag.key, tag.value) for tag in message.data.tags],
        ),
        entities.RunInputs(*inputs),
        *outputs,
    )


def to_new_run(info: runstream.entities.RunInfo, tags: Mapping[str, str]) -> Run:
    """Convert a run that was just created: nothing but its tags was logged to it."""
    named = {**tags, NAME_TAG: info.run_name}
    data = RunData(tags=[RunTag(key, value) for key, value in named.items()])
    empty: list[Any] = [[]]
    outputs = []
    if HAS_LOGGED_MODELS:
        empty.append([])
        outputs.append(entities.RunOutputs([]))
    return Run(to_run_info(info), data, entities.RunInputs(*empty), *outputs)


def to_run_info(info: runstream.entities.RunInfo) -> RunInfo:
    """Convert what a run is."""
    old_name = {"run_uuid": info.run_id} if _HAS_RUN_UUID else {}
    return RunInfo(
        run_id=info.run_id,
        experiment_id=info.experiment_id,
        user_id=info.user_id,
        status=info.status,
        start_time=info.start_time,
        end_time=info.end_time,
        lifecycle_stage=info.lifecycle_stage,
        artifact_uri=to_mlflow_location(info.artifact_uri),
        run_name=info.run_name,
        **old_name,
    )


def to_metrics(messages: Iterable[metric_pb2.Metric]) -> list[Metric]:
    """Convert points of metrics."""
    return [Metric(one.key, one.value, one.timestamp, one.step) for one in messages]


def to_logged_model(found: runstream.entities.LoggedModel) -> Any:
    """Convert a model."""
    return entities.LoggedModel(
        experiment_id=found.experiment_id,
        model_id=found.model_id,
        name=found.name,
        artifact_location=to_mlflow_location(found.artifact_location),
        creation_timestamp=found.creation_timestamp,
        last_updated_timestamp=found.last_updated_timestamp,
        model_type=found.model_type or None,
        source_run_id=found.source_run_id or None,
        status=entities.LoggedModelStatus(found.status),
        tags=found.tags,
        params=found.params,
        metrics=[to_model_metric(metric, found.model_id) for metric in found.metrics],
    )


def _to_dataset_input(message: run_pb2.DatasetInput) -> entities.DatasetInput:
    dataset = message.dataset
    return entities.DatasetInput(
        entities.Dataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema or None,
            profile=dataset.profile or None,
        ),
        [entities.InputTag(tag.key, tag.value) for tag in message.tags],
    )


def to_model_metric(point: runstream.entities.ModelMetric, model_id: str) -> Metric:
    """Convert a point of a metric of a model."""
    return Metric(
        point.key,
        point.value,
        point.timestamp,
        point.step,
        model_id=model_id,
        dataset_name=point.dataset_name or None,
        dataset_digest=point.dataset_digest or None,
        run_id=point.run_id or None,
    )


def _with_scheme(uri: str, before: str, after: str) -> str:
    return f"{after}:{uri[len(before) + 1 :]}" if uri.startswith(f"{before}:") else uri
