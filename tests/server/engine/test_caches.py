"""What the server keeps of the database in memory has a bound, and beyond it nothing is wrong."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.run_service_pb2 import GetRunRequest
from support.api import Api, make_batch
from support.probe import resident_memory
from support.server_process import ENVIRONMENT, ServerProcess

pytestmark = pytest.mark.sqlite

# A server whose writer keeps little: a few hundred summaries, and one mebibyte of pages.
SMALL = """
from runstream.cli import main
from runstream_service.engine import sqlite
from runstream_service.points import series_summary
series_summary.SUMMARIES_BYTES = 200_000
sqlite.WRITER_CACHE_BYTES = 1024 * 1024
main()
"""
Connect = Callable[[str], Api]

POINTS = 1_200_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "runs.db", program=("-c", SMALL))
    yield server
    assert server.stop() == ""


def test_connections_that_read_much_keep_little_of_it(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    api.log_batches(
        make_batch(run_id, [("loss", n, n, n / 7.0) for n in range(first, first + 40_000)])
        for first in range(0, POINTS, 40_000)
    )
    before = resident_memory(server)
    thinned = ReadMetricHistoryRequest(run_id=run_id, max_points=10)
    for answers in [api.metrics.ReadMetricHistory(thinned) for _ in range(6)]:
        assert sum(len(answer.metrics.step) for answer in answers) > 1
    assert resident_memory(server) - before < 60


def test_a_run_of_very_many_series_is_not_kept_whole(
    small: ServerProcess, connect: Connect
) -> None:
    api = connect(small.address)
    run_id = api.create_run()
    before = resident_memory(small)
    for first in range(0, 150_000, 10_000):
        points = [(f"m{key}", 1, 1, 0.5) for key in range(first, first + 10_000)]
        (answer,) = api.log_batches([make_batch(run_id, points)])
        assert not answer.HasField("error")
    assert resident_memory(small) - before < 40  # all 150,000 summaries take 50 MiB


def test_summaries_that_were_dropped_are_read_again(small: ServerProcess, connect: Connect) -> None:
    api = connect(small.address)
    runs = [api.create_run() for _ in range(3)]
    keys = [f"m{key}" for key in range(400)]
    rounds = [(5, 0.5), (2, math.nan), (7, -1.0), (7, -1.0), (7, math.nan), (6, 9.0)]
    for step, value in rounds:
        answers = api.log_batches(
            [make_batch(run_id, [(key, step, 1, value) for key in keys]) for run_id in runs]
        )
        assert not any(answer.HasField("error") for answer in answers)
    for run_id in runs:
        found = api.runs.GetRun(GetRunRequest(run_id=run_id)).run.data.metrics
        assert len(found) == len(keys)
        assert all(metric.step == 7 and math.isnan(metric.value) for metric in found)
    command = [sys.executable, "-m", "runstream", "db", "check"]
    done = subprocess.run(
        [*command, "--database", f"sqlite:///{small.database}"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
