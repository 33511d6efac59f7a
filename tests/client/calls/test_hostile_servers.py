"""A server that is not what its users believe: nothing it answers does harm, or never ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest

import runstream
from runstream import Internal, RunstreamError, TrackingClient
from runstream.v1 import artifact_service_pb2 as artifacts
from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1 import metric_service_pb2 as metrics
from runstream.v1 import run_service_pb2 as runs
from runstream.v1 import watch_service_pb2 as watches
from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.artifact_service_pb2_grpc import (
    ArtifactServiceServicer,
    add_ArtifactServiceServicer_to_server,
)
from runstream.v1.experiment_pb2 import Experiment
from runstream.v1.experiment_service_pb2_grpc import (
    ExperimentServiceServicer,
    add_ExperimentServiceServicer_to_server,
)
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.metric_service_pb2_grpc import (
    MetricServiceServicer,
    add_MetricServiceServicer_to_server,
)
from runstream.v1.run_pb2 import Run, RunInfo
from runstream.v1.run_service_pb2_grpc import RunServiceServicer, add_RunServiceServicer_to_server
from runstream.v1.watch_service_pb2_grpc import (
    WatchServiceServicer,
    add_WatchServiceServicer_to_server,
)

RUN = "a" * 32


class Hostile(
    ArtifactServiceServicer,
    ExperimentServiceServicer,
    MetricServiceServicer,
    RunServiceServicer,
    WatchServiceServicer,
):
    """Answers what a test says, by the name of the RPC."""

    def __init__(self, answers: dict[str, Callable[[Any], Any]]) -> None:
        for name, answer in answers.items():
            setattr(self, name, lambda request, _context, answer=answer: answer(request))


@pytest.fixture
def hostile() -> Iterator[Callable[..., TrackingClient]]:
    """Start a server of such answers, and return a client of it."""
    started: list[tuple[grpc.Server, TrackingClient]] = []

    def start(**answers: Callable[[Any], Any]) -> TrackingClient:
        server = grpc.server(ThreadPoolExecutor(4))
        servicer = Hostile(answers)  # type: ignore[abstract] # gRPC has the rest
        for add in (
            add_ArtifactServiceServicer_to_server,
            add_ExperimentServiceServicer_to_server,
            add_MetricServiceServicer_to_server,
            add_RunServiceServicer_to_server,
            add_WatchServiceServicer_to_server,
        ):
            add(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        client = TrackingClient(f"grpc://127.0.0.1:{port}")
        started.append((server, client))
        return client

    yield start
    for server, client in started:
        client.close()
        server.stop(None)


def listing(*paths: str, token: str = "") -> artifacts.ListArtifactsResponse:
    files = [FileInfo(path=path, file_size=1, sha256="0" * 64) for path in paths]
    return artifacts.ListArtifactsResponse(files=files, next_page_token=token)


def download(content: bytes, size: int) -> Iterator[artifacts.DownloadArtifactResponse]:
    info = FileInfo(path="f", file_size=size, sha256=sha256(content).hexdigest())
    yield artifacts.DownloadArtifactResponse(file=info)
    while True:  # without end
        yield artifacts.DownloadArtifactResponse(chunk=content)


@pytest.mark.parametrize(
    "path",
    ["../evil", "/tmp/evil", "a/../../evil", "..", "a\\..\\evil", "a//evil", "model/../../evil"],
)
def test_no_name_of_a_server_leads_out_of_the_folder(
    hostile: Callable[..., TrackingClient], tmp_path: Path, path: str
) -> None:
    client = hostile(
        ListArtifacts=lambda _: listing(path),
        GetArtifact=lambda request: artifacts.GetArtifactResponse(
            file=FileInfo(path=request.path, is_dir=True)
        ),
        DownloadArtifact=lambda _: download(b"evil", 4),
    )
    target = tmp_path / "target"
    for asked in ("", "model"):
        with pytest.raises(RunstreamError):
            client.download_artifacts(RUN, asked, target)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert not Path("/tmp/evil").exists()


def test_a_name_that_was_not_asked_for_is_not_written(
    hostile: Callable[..., TrackingClient], tmp_path: Path
) -> None:
    client = hostile(
        ListArtifacts=lambda _: listing("models/other.bin"),
        GetArtifact=lambda request: artifacts.GetArtifactResponse(
            file=FileInfo(path="other" if request.path == "f" else request.path, is_dir=True)
        ),
    )
    for asked in ("model", "f"):
        with pytest.raises(Internal, match="was asked about"):
            client.download_artifacts(RUN, asked, tmp_path)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("size", [10, 0])
def test_no_more_is_written_than_a_file_has(
    hostile: Callable[..., TrackingClient], tmp_path: Path, size: int
) -> None:
    client = hostile(
        GetArtifact=lambda _: artifacts.GetArtifactResponse(file=FileInfo(path="f")),
        DownloadArtifact=lambda _: download(b"x" * 1000, size),
    )
    with pytest.raises(Internal, match="not what the server has"):
        client.download_artifacts(RUN, "f", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("again", [True, False])
def test_pages_that_bring_nothing_new_come_to_an_end(
    hostile: Callable[..., TrackingClient], again: bool
) -> None:
    numbers = count()

    def tokens() -> str:
        return "again" if again else str(next(numbers))

    client = hostile(
        ListArtifacts=lambda _: listing(*["f"] * again, token=tokens()),
        SearchRuns=lambda _: runs.SearchRunsResponse(
            runs=[Run(info=RunInfo(run_id=RUN))] * again, next_page_token=tokens()
        ),
        SearchExperiments=lambda _: experiments.SearchExperimentsResponse(
            experiments=[Experiment(name="e")] * again, next_page_token=tokens()
        ),
    )
    calls: list[Callable[[], object]] = [
        lambda: client.list_artifacts(RUN),
        lambda: list(client.search_runs()),
        lambda: list(client.search_experiments()),
    ]
    for call in calls:
        with pytest.raises(Internal, match="nothing new"):
            call()


def test_a_list_of_files_has_an_end(
    hostile: Callable[..., TrackingClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.calls.artifact_calls.MAX_LISTED_FILES", 1000)
    numbers = count()
    client = hostile(
        ListArtifacts=lambda _: listing(
            *(f"f{next(numbers)}" for _ in range(100)), token=str(next(numbers))
        )
    )
    with pytest.raises(runstream.ResourceExhausted, match="more than 1000 files"):
        client.list_artifacts(RUN)


def test_a_status_of_a_newer_server_is_a_status(hostile: Callable[..., TrackingClient]) -> None:
    info = RunInfo(run_id=RUN, status=77)  # type: ignore[arg-type]
    client = hostile(GetRun=lambda _: runs.GetRunResponse(run=Run(info=info)))
    assert client.get_run(RUN).info.status == "STATUS_77"


@pytest.mark.parametrize(
    "table",
    [
        MetricTable(keys=["loss"], counts=[1], step=[1, 2], timestamp=[1], value=[1.0]),
        MetricTable(keys=[], counts=[1], step=[1], timestamp=[1], value=[1.0]),
        MetricTable(keys=["other"], counts=[1], step=[1], timestamp=[1], value=[1.0]),
    ],
)
def test_points_that_do_not_fit_or_were_not_asked_for_are_refused(
    hostile: Callable[..., TrackingClient], table: MetricTable
) -> None:
    client = hostile(
        ReadMetricHistory=lambda _: iter(
            [metrics.ReadMetricHistoryResponse(run_id=RUN, metrics=table)]
        ),
        Watch=lambda _: iter(
            [
                watches.WatchResponse(),
                watches.WatchResponse(changes=[watches.RunChange(run_id=RUN, metrics=table)]),
            ]
        ),
    )
    with pytest.raises(Internal):
        client.get_metric_history(RUN, "loss")
    if "other" not in table.keys:
        with pytest.raises(Internal):
            next(client.watch([RUN]))


def test_points_of_another_run_are_refused(hostile: Callable[..., TrackingClient]) -> None:
    table = MetricTable(keys=["loss"], counts=[1], step=[1], timestamp=[1], value=[1.0])
    client = hostile(
        ReadMetricHistory=lambda _: iter(
            [metrics.ReadMetricHistoryResponse(run_id="b" * 32, metrics=table)]
        )
    )
    with pytest.raises(Internal, match="was asked about"):
        client.get_metric_history(RUN, "loss")
