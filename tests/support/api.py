"""Raw stubs of the contract, as a program without our client uses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RequestInfo
from grpc_status import rpc_status

from runstream.v1.access_service_pb2_grpc import AccessServiceStub
from runstream.v1.alert_service_pb2_grpc import AlertServiceStub
from runstream.v1.artifact_service_pb2_grpc import ArtifactServiceStub
from runstream.v1.document_service_pb2_grpc import DocumentServiceStub
from runstream.v1.experiment_service_pb2 import CreateExperimentRequest
from runstream.v1.experiment_service_pb2_grpc import ExperimentServiceStub
from runstream.v1.logged_model_service_pb2 import CreateLoggedModelRequest
from runstream.v1.logged_model_service_pb2_grpc import LoggedModelServiceStub
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogBatchResponse
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from runstream.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.metric_service_pb2_grpc import MetricServiceStub
from runstream.v1.model_registry_service_pb2_grpc import ModelRegistryServiceStub
from runstream.v1.run_pb2 import Param, RunTag
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub
from runstream.v1.watch_service_pb2_grpc import WatchServiceStub

Point = tuple[str, int, int, float]  # key, step, timestamp, value


@dataclass
class Refusal:
    """An error as a caller saw it."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]


class Api:
    """The stubs, and calls that many tests make."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.experiments = ExperimentServiceStub(channel)
        self.runs = RunServiceStub(channel)
        self.logging = LoggingServiceStub(channel)
        self.metrics = MetricServiceStub(channel)
        self.watches = WatchServiceStub(channel)
        self.artifacts = ArtifactServiceStub(channel)
        self.models = LoggedModelServiceStub(channel)
        self.registry = ModelRegistryServiceStub(channel)
        self.maintenance = MaintenanceServiceStub(channel)
        self.access = AccessServiceStub(channel)
        self.documents = DocumentServiceStub(channel)
        self.alerts = AlertServiceStub(channel)

    def create_run(self, experiment_id: str = "") -> str:
        return self.runs.CreateRun(CreateRunRequest(experiment_id=experiment_id)).run.info.run_id

    def create_experiment(self, name: str) -> str:
        return self.experiments.CreateExperiment(CreateExperimentRequest(name=name)).experiment_id

    def create_model(self, experiment_id: str = "0") -> str:
        request = CreateLoggedModelRequest(experiment_id=experiment_id)
        return self.models.CreateLoggedModel(request).model.info.model_id

    def log_batches(self, requests: Iterable[LogBatchRequest]) -> list[LogBatchResponse]:
        return list(self.logging.LogBatch(iter(requests), timeout=60))

    def read_latest_points(self, run_id: str) -> dict[str, tuple[int, int, float]]:
        """Return the latest point of each metric: its step, timestamp and value."""
        run = self.runs.GetRun(GetRunRequest(run_id=run_id)).run
        return {m.key: (m.step, m.timestamp, m.value) for m in run.data.metrics}

    def read_points(self, run_id: str, *keys: str) -> list[Point]:
        """Return the history of a run, in the order of the answers."""
        request = ReadMetricHistoryRequest(run_id=run_id, metric_keys=keys)
        answers = self.metrics.ReadMetricHistory(request)
        return [point for answer in answers for point in table_points(answer.metrics)]


def table_points(table: MetricTable) -> Iterator[Point]:
    """Yield the points of a table one by one."""
    keys = chain.from_iterable(map(repeat, table.keys, table.counts))
    return zip(keys, table.step, table.timestamp, table.value, strict=True)


def make_table(points: Iterable[Point]) -> MetricTable:
    """Return a table of points, metric after metric, else in their order."""
    by_key: dict[str, list[Point]] = {}
    for point in points:
        by_key.setdefault(point[0], []).append(point)
    rows = [point for same_key in by_key.values() for point in same_key]
    return MetricTable(
        keys=by_key,
        counts=map(len, by_key.values()),
        step=[point[1] for point in rows],
        timestamp=[point[2] for point in rows],
        value=[point[3] for point in rows],
    )


def make_batch(
    run_id: str,
    points: Sequence[Point] = (),
    params: Sequence[tuple[str, str]] = (),
    tags: Sequence[tuple[str, str]] = (),
) -> LogBatchRequest:
    """Return a request of the LogBatch stream, made of rows."""
    return LogBatchRequest(
        run_id=run_id,
        metrics=make_table(points),
        params=[Param(key=key, value=value) for key, value in params],
        tags=[RunTag(key=key, value=value) for key, value in tags],
    )


@contextmanager
def expect_refusal(code: grpc.StatusCode, reason: str) -> Iterator[Refusal]:
    """Expect a status with one ErrorInfo of our domain and one RequestInfo (X1)."""
    refusal = Refusal(code, "", reason, {})
    with pytest.raises(grpc.RpcError) as raised:
        yield refusal
    status = rpc_status.from_call(raised.value)  # type: ignore[arg-type] # it is both
    assert status is not None, raised.value
    detail, named, *_ = status.details  # there may be a RetryInfo, too
    info, request = ErrorInfo(), RequestInfo()
    assert detail.Unpack(info)
    assert named.Unpack(request)
    assert request.request_id
    assert (raised.value.code(), info.reason, info.domain) == (code, reason, "runstream.io")
    refusal.message, refusal.metadata = status.message, dict(info.metadata)
