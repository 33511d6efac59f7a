"""Answers that are being sent to somebody when the grant by which they have them is taken away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import requests
from requests.exceptions import RequestException

from runstream.v1.access_service_pb2 import DeleteGrantRequest, GrantRole, SetGrantRequest
from runstream.v1.artifact_service_pb2 import DownloadArtifactRequest
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream_service.access.recheck import RECHECK_SECONDS
from support.access import GuardedServer
from support.api import expect_refusal
from support.artifacts import MIB, upload

NOT_FOUND = grpc.StatusCode.NOT_FOUND
READER = GrantRole.GRANT_ROLE_READER

# More than the buffers between a server and a caller who does not read hold.
POINTS, BATCH = 1_000_000, 50_000
FILE_BYTES = 64 * MIB

# The routes of HTTP whose answers can be as long, and what of them is no more than half.
ROUTES = {
    "metrics/history/stream": 20 * MIB,
    "metrics/history/csv": 20 * MIB,
    "artifacts/file": 32 * MIB,
    "artifacts/zip": 32 * MIB,
}


class Shared:
    """A run with a long history and a large file, in an experiment of Ada's."""

    def __init__(self, guarded: GuardedServer) -> None:
        self.guarded, self.ada, self.eve = guarded, guarded.apis["ada"], guarded.apis["eve"]
        self.experiment_id = self.ada.create_experiment("shared for a while")
        request = CreateRunRequest(experiment_id=self.experiment_id)
        self.run_id = self.ada.runs.CreateRun(request).run.info.run_id
        self.ada.log_batches(
            LogBatchRequest(
                run_id=self.run_id,
                metrics=MetricTable(
                    keys=["loss"],
                    counts=[BATCH],
                    step=range(first, first + BATCH),
                    timestamp=[1_790_000_000_000] * BATCH,
                    value=[1 / (step + 3) for step in range(first, first + BATCH)],
                ),
            )
            for first in range(0, POINTS, BATCH)
        )
        upload(self.ada, self.run_id, "weights", os.urandom(FILE_BYTES))

    def grant(self, grantee: str) -> None:
        self.ada.access.SetGrant(
            SetGrantRequest(experiment_id=self.experiment_id, grantee=grantee, role=READER)
        )

    def revoke(self, grantee: str) -> None:
        self.ada.access.DeleteGrant(
            DeleteGrantRequest(experiment_id=self.experiment_id, grantee=grantee)
        )

    def history(self) -> Any:
        request = ReadMetricHistoryRequest(run_id=self.run_id, metric_keys=["loss"])
        return self.eve.metrics.ReadMetricHistory(request, timeout=120)

    def file(self) -> Any:
        request = DownloadArtifactRequest(run_id=self.run_id, path="weights")
        return self.eve.artifacts.DownloadArtifact(request, timeout=120)

    def get(self, route: str) -> requests.Response:
        return requests.get(
            f"{self.guarded.server.http}/api/1.0/runstream/{route}",
            params={
                "run_id": self.run_id,
                **({"path": "weights"} if route.startswith("art") else {"metric_keys": "loss"}),
            },
            headers=self.guarded.headers("eve"),
            stream=True,
            timeout=120,
        )


@pytest.fixture(scope="module")
def shared(guarded: GuardedServer) -> Shared:
    return Shared(guarded)


@pytest.fixture(autouse=True)
def granted(shared: Shared) -> Iterator[None]:
    shared.grant("user:eve")
    yield
    shared.grant("user:eve")
    shared.revoke("user:eve")


def test_a_history_that_is_being_sent_ends_after_its_grant(shared: Shared) -> None:
    answers, points = shared.history(), 0
    next(answers)
    shared.revoke("user:eve")
    time.sleep(RECHECK_SECONDS + 0.5)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        for answer in answers:
            points += len(answer.metrics.step)
    assert points < POINTS / 2


def test_a_file_that_is_being_sent_ends_after_its_grant(shared: Shared) -> None:
    answers, size = shared.file(), 0
    next(answers)
    shared.revoke("user:eve")
    time.sleep(RECHECK_SECONDS + 0.5)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        for answer in answers:
            size += len(answer.chunk)
    assert size < FILE_BYTES / 2


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_over_http_breaks_off_after_its_grant(shared: Shared, route: str) -> None:
    received, last = 0, b""
    with shared.get(route) as answer:
        assert answer.status_code == 200
        chunks = answer.iter_content(64 * 1024)
        received += len(next(chunks))
        shared.revoke("user:eve")
        time.sleep(RECHECK_SECONDS + 0.5)
        try:
            for last in chunks:
                received += len(last)
        except RequestException:
            assert route != "metrics/history/stream"
        else:  # lines say how they end
            assert route == "metrics/history/stream"
            assert b"RESOURCE_DOES_NOT_EXIST" in last
    assert received < ROUTES[route]


def test_answers_go_on_as_long_as_another_grant_allows_them(shared: Shared) -> None:
    shared.grant("group:everyone")
    history, file = shared.history(), shared.file()
    points, size = len(next(history).metrics.step), len(next(file).chunk)
    shared.revoke("user:eve")
    time.sleep(RECHECK_SECONDS + 0.5)
    assert points + sum(len(answer.metrics.step) for answer in history) == POINTS
    assert size + sum(len(answer.chunk) for answer in file) == FILE_BYTES
    shared.revoke("group:everyone")
