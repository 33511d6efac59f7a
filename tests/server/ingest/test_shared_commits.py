"""Batches that share a commit, which takes longer than writing what a small batch has."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from runstream.v1.logging_service_pb2 import LogBatchRequest, RunStart, RunUpdate
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.watch_service_pb2 import GetPositionRequest
from support.api import Api, make_batch

# No batch shares a commit if its client is too slow to send others meanwhile.
pytestmark = pytest.mark.alone

RUNS = 100


def count_commits(api: Api) -> int:
    return int(api.watches.GetPosition(GetPositionRequest()).position.rpartition("-")[2])


def test_many_small_batches_share_commits(api: Api) -> None:
    def requests() -> Iterator[LogBatchRequest]:
        for step in range(1000):
            yield make_batch(run_id, [("m", step, step, 0.5)])
            if step % 4 == 0:
                time.sleep(0.004)

    run_id = api.create_run()
    before = count_commits(api)
    assert api.log_batches(requests())[-1].answered == 1000
    assert count_commits(api) - before < 450  # some 340; 500 to 580 if none is kept back
    assert len(api.read_points(run_id)) == 1000


def test_the_end_of_a_run_shares_its_commit_with_the_start_of_the_next(api: Api) -> None:
    requests: SimpleQueue[LogBatchRequest | None] = SimpleQueue()
    answers = api.logging.LogBatch(iter(requests.get, None), timeout=60)
    before = count_commits(api)
    ended = ""
    for number in range(RUNS):
        run_id = secrets.token_hex(16)
        start = RunStart(start_time=1, heartbeat=True)
        if ended:
            end = RunUpdate(status=RunStatus.FINISHED, end_time=2)
            requests.put(LogBatchRequest(run_id=ended, update=end))
        requests.put(LogBatchRequest(run_id=run_id, start=start))
        while next(answers).answered < 2 * number + 1:
            pass
        ended = run_id
    requests.put(None)
    assert list(answers) == []
    assert count_commits(api) - before < 1.5 * RUNS  # some 100; 190 if no end is kept back
