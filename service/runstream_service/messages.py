"""Rows of the store as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.v1.experiment_pb2 import Experiment, ExperimentTag
from runstream.v1.metric_pb2 import Metric, MetricTable
from runstream.v1.run_pb2 import Param, Run, RunData, RunInfo, RunInputs, RunStatus, RunTag
from runstream_service.store import models
from runstream_service.store.history import Columns
from runstream_service.store.runs import LoggedRun


def _stage(deleted: bool) -> str:
    return "deleted" if deleted else "active"


def experiment(row: models.Experiment, tags: Sequence[models.ExperimentTag]) -> Experiment:
    return Experiment(
        experiment_id=str(row.id),
        name=row.name,
        artifact_location=row.artifact_location,
        lifecycle_stage=_stage(row.deleted),
        last_update_time=row.last_update_time,
        creation_time=row.creation_time,
        tags=[ExperimentTag(key=tag.key, value=tag.value) for tag in tags],
    )


def run_info(row: models.Run) -> RunInfo:
    return RunInfo(
        run_id=row.uuid,
        experiment_id=str(row.experiment_id),
        run_name=row.name,
        user_id=row.user_id,
        status=RunStatus.ValueType(row.status),
        start_time=row.start_time,
        end_time=row.end_time,
        artifact_uri=row.artifact_uri,
        lifecycle_stage=_stage(row.deleted),
    )


def run(logged: LoggedRun) -> Run:
    data = RunData(
        metrics=[
            Metric(
                key=series.key,
                value=series.last_value,
                timestamp=series.last_timestamp,
                step=series.last_step,
            )
            for series in logged.series
        ],
        params=[Param(key=param.key, value=param.value) for param in logged.params],
        tags=[RunTag(key=tag.key, value=tag.value) for tag in logged.tags],
    )
    return Run(info=run_info(logged.run), data=data, inputs=RunInputs())


def metrics(key: str, columns: Columns) -> list[Metric]:
    return [
        Metric(key=key, step=step, timestamp=timestamp, value=value)
        for step, timestamp, value in zip(*columns, strict=True)
    ]


def metric_table(key: str, columns: Columns) -> MetricTable:
    return MetricTable(
        keys=[key],
        key=[0] * len(columns.step),
        step=columns.step,
        timestamp=columns.timestamp,
        value=columns.value,
    )
