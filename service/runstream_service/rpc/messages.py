"""Rows of the database as messages of the contract."""

from __future__ import annotations

import numpy as np

from runstream.contract.wire_history import encode_history_response
from runstream.v1.access_service_pb2 import GrantRole
from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.experiment_pb2 import Experiment, ExperimentTag
from runstream.v1.metric_pb2 import Metric
from runstream.v1.metric_service_pb2 import MetricWithRunId
from runstream.v1.run_pb2 import (
    Dataset,
    DatasetInput,
    InputTag,
    Run,
    RunInfo,
    RunStatus,
)
from runstream_service.catalog.artifacts import Entry
from runstream_service.catalog.experiments import DescribedExperiment
from runstream_service.catalog.run_data import LoggedRun
from runstream_service.engine import catalog_writes, tables
from runstream_service.points.columns import Columns
from runstream_service.points.run_histories import Part


def _lifecycle_stage(deleted: bool) -> str:
    return "deleted" if deleted else "active"


def experiment(described: DescribedExperiment) -> Experiment:
    row, tags, role = described
    return Experiment(
        experiment_id=str(row.id),
        name=row.name,
        artifact_location=row.artifact_location,
        lifecycle_stage=_lifecycle_stage(row.deleted),
        last_update_time=row.last_update_time,
        creation_time=row.creation_time,
        deleted_by=row.deleted_by,
        tags=[ExperimentTag(key=key, value=value) for key, value in tags],
        role=GrantRole.ValueType(role),
    )


def run_info(row: tables.Run) -> RunInfo:
    info = RunInfo()
    fill_info(info, row)
    return info


def run(logged: LoggedRun) -> Run:
    message = Run()
    fill_content(message, logged)
    fill_info(message.info, logged.run)
    return message


def fill_content(message: Run, logged: LoggedRun) -> None:
    """Fill an empty message with all of a run but its info.

    Filling the parts in place takes half as long as making them and copying them. Setting the
    fields of a part one by one takes three quarters as long as passing them to `add`.
    """
    message.inputs.SetInParent()
    data = message.data
    data.SetInParent()
    add_metric = data.metrics.add
    for key, value, timestamp, step in logged.metrics:
        metric = add_metric()
        metric.key = key
        metric.value = value
        metric.timestamp = timestamp
        metric.step = step
    for pairs, add in ((logged.params, data.params.add), (logged.tags, data.tags.add)):
        for key, text in pairs:
            pair = add()
            pair.key = key
            pair.value = text
    for key, count, minimum, maximum in logged.summaries:
        data.metric_summaries.add(key=key, count=count, minimum=minimum, maximum=maximum)
    for dataset in logged.inputs:
        message.inputs.dataset_inputs.append(dataset_input(dataset))
    for model_id in logged.model_inputs:
        message.inputs.model_inputs.add(model_id=model_id)
    message.outputs.SetInParent()
    for model_id, step in logged.outputs:
        message.outputs.model_outputs.add(model_id=model_id, step=step)


def fill_info(info: RunInfo, row: tables.Run) -> None:
    """Fill an empty message with what a run is."""
    info.run_id = row.uuid
    info.experiment_id = str(row.experiment_id)
    info.run_name = row.name
    info.user_id = row.user_id
    info.status = RunStatus.ValueType(row.status)
    info.start_time = row.start_time
    if row.end_time is not None:
        info.end_time = row.end_time
    info.artifact_uri = row.artifact_uri
    info.lifecycle_stage = _lifecycle_stage(row.deleted)
    if row.deleted_by is not None:
        info.deleted_by = row.deleted_by


def dataset_input(dataset: catalog_writes.DatasetInput) -> DatasetInput:
    return DatasetInput(
        tags=[InputTag(key=key, value=value) for key, value in dataset.tags.items()],
        dataset=Dataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
    )


def metrics(key: str, columns: Columns) -> list[Metric]:
    return [
        Metric(key=key, step=step, timestamp=timestamp, value=value)
        for step, timestamp, value in columns.rows()
    ]


def metrics_with_run_id(run_id: str, key: str, columns: Columns) -> list[MetricWithRunId]:
    return [
        MetricWithRunId(run_id=run_id, key=key, step=step, timestamp=timestamp, value=value)
        for step, timestamp, value in columns.rows()
    ]


def history_part(part: Part) -> bytes:
    """Return a part of a history as the bytes of a ReadMetricHistoryResponse."""
    columns = [np.ascontiguousarray(column) for column in part.columns]
    smoothed = None if part.smoothed is None else np.ascontiguousarray(part.smoothed)
    return encode_history_response(
        part.run_id, part.key, columns, part.total, smoothed, part.weight
    )


def file_info(entry: Entry) -> FileInfo:
    return FileInfo(
        path=entry.path,
        is_dir=entry.size is None,
        file_size=entry.size,
        sha256=entry.sha256,
        upload_time=entry.upload_time,
    )
