"""What one caller sends, or does not read, takes no more memory than is stated (docs/limits.md)."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from runstream.v1.experiment_pb2 import ExperimentTag
from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    GetExperimentByNameRequest,
    SearchExperimentsRequest,
)
from runstream.v1.grouped_history_pb2 import ReadGroupedHistoryRequest, RunSet
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.metric_service_pb2 import GetMetricHistoryBulkRequest
from runstream.v1.run_pb2 import KeySelection, RunTag
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    GetRunRequest,
    SearchRunsRequest,
)
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api, expect_refusal, make_batch
from support.probe import Probe, peak_memory, reset_peak, resident_memory
from support.server_process import ENVIRONMENT, ServerProcess

# Asks a server for many large answers at once.
ASK = """
import sys
import grpc
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub
address, small, large = sys.argv[1:]
runs = RunServiceStub(grpc.insecure_channel(address))
runs.GetRun(GetRunRequest(run_id=small))
calls = [runs.GetRun.future(GetRunRequest(run_id=large)) for _ in range(14)]
print("asked", flush=True)
sys.stdin.read()
"""
Probing = Callable[[ServerProcess], Probe]


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_HTTP_PORT="0")


def test_watchers_that_do_not_read_take_little_memory_and_hold_nobody_up(
    server: ServerProcess, api: Api, probe: Probing
) -> None:
    run_id = api.create_run()
    watches = [api.watches.Watch(WatchRequest(run_ids=[run_id])) for _ in range(500)]
    for watch in watches:
        next(watch)
    before = resident_memory(server)
    reset_peak(server)
    with probe(server) as seen:
        for commit in range(5):
            points = [("m", commit * 20_000 + i, 2**40 + i, i / 7) for i in range(13_000)]
            api.log_batches([make_batch(run_id, points)])
        time.sleep(1)
    seen.assert_others_were_served()
    assert peak_memory(server) - before < 300
    for watch in watches:
        watch.cancel()


def test_refused_batches_whose_answers_are_not_read_take_little_memory(
    server: ServerProcess, api: Api, probe: Probing
) -> None:
    before = resident_memory(server)
    refused_batch = make_batch("f" * 32, [("m", 0, -1, 0.0)], (), [("x", "y" * 60_000)])
    over = threading.Event()

    def requests() -> Iterator[LogBatchRequest]:
        while not over.is_set():
            yield refused_batch

    with probe(server) as seen:
        streams = [api.logging.LogBatch(requests()) for _ in range(4)]
        time.sleep(3)
    over.set()
    for stream in streams:
        stream.cancel()
    seen.assert_others_were_served()
    assert peak_memory(server) - before < 150


def test_many_large_calls_at_once_wait_for_their_turn_outside(
    server: ServerProcess, api: Api
) -> None:
    before = resident_memory(server)
    tags = [RunTag(key=f"k{i}", value="x" * 65_000) for i in range(60)]
    large = CreateRunRequest(experiment_id="7", tags=tags)  # which is not there
    calls = [api.runs.CreateRun.future(large, timeout=120) for _ in range(150)]
    codes = {call.code() for call in calls}
    assert codes <= {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE}
    assert grpc.StatusCode.NOT_FOUND in codes
    assert peak_memory(server) - before < 250  # all messages together have 580 MiB
    assert resident_memory(server) - before < 100  # no call keeps its message


@pytest.mark.alone
def test_answers_that_callers_do_not_read_take_little_memory(
    server: ServerProcess, connect: Callable[..., Api]
) -> None:
    """Callers that ask for 650 MiB, and are stopped as a debugger stops a process."""
    api = connect(server.address, max_receive=64 * 1024 * 1024)
    small, large = api.create_run(), api.create_run()
    for part in range(3):
        params = [(f"{part}p{i}", "x" * 60_000) for i in range(60)]
        api.log_batches([make_batch(large, (), params)])
    asked = GetRunRequest(run_id=large)
    for call in [api.runs.GetRun.future(asked) for _ in range(12)]:
        call.result()  # what reading takes, and the allocator keeps, is not what is measured
    before = resident_memory(server)
    reset_peak(server)
    command = [sys.executable, "-c", ASK, server.address, small, large]
    callers = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        for _ in range(3)
    ]
    for caller in callers:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "asked\n"
        caller.send_signal(signal.SIGSTOP)
    time.sleep(3)
    for caller in callers:
        caller.kill()
        caller.communicate()
    assert peak_memory(server) - before < 350
    deadline = time.monotonic() + 60
    while True:
        try:
            assert len(api.runs.GetRun(asked).run.data.params) == 180
            break
        except grpc.RpcError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_page_of_experiments_ends_at_its_size_and_the_next_goes_on(
    server: ServerProcess, connect: Callable[..., Api]
) -> None:
    api = connect(server.address, max_receive=64 * 1024 * 1024)
    tags = [ExperimentTag(key=f"k{i}", value="x" * 20_000) for i in range(200)]
    for i in range(6):
        api.experiments.CreateExperiment(CreateExperimentRequest(name=f"e{i}", tags=tags[:190]))
    names, token, pages = [], "", 0
    while pages == 0 or token:
        request = SearchExperimentsRequest(page_token=token, order_by=["name"])
        page = api.experiments.SearchExperiments(request)
        names += [experiment.name for experiment in page.experiments]
        token, pages = page.next_page_token, pages + 1
    assert (names, pages) == (["Default", *(f"e{i}" for i in range(6))], 2)
    found = api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name="e0"))
    assert len(found.experiment.tags) == 190


def test_a_run_of_very_many_keys_is_read_in_parts_and_holds_nobody_up(
    server: ServerProcess, connect: Callable[[str], Api], probe: Probing
) -> None:
    api = connect(server.address)
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, [("first", 0, 0, 0.5)])])
    with sqlite3.connect(server.database, timeout=30) as database:
        database.execute(
            """
            WITH RECURSIVE numbers(n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 800000)
            INSERT INTO series (run_id, key, count, last_step, last_timestamp, last_value)
            SELECT run_id, 'k' || n, 1, 0, 0, 0.5 FROM numbers, series
            """
        )
    asked = GetRunRequest(run_id=run_id)
    with probe(server) as seen:
        calls = [api.runs.GetRun.future(asked, timeout=60) for _ in range(8)]
        for call in calls:
            assert call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    seen.assert_others_were_served()
    with expect_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "RUN_TOO_LARGE") as refusal:
        api.runs.SearchRuns(SearchRunsRequest())
    assert "metric_keys" in refusal.message
    selected = SearchRunsRequest(metric_keys=KeySelection(keys=["first", "k7"]))
    (run,) = (r for r in api.runs.SearchRuns(selected).runs if r.info.run_id == run_id)
    assert [metric.key for metric in run.data.metrics] == ["first", "k7"]


def test_histories_of_many_runs_have_a_limit_together(api: Api) -> None:
    run_ids = [api.create_run() for _ in range(4)]
    for run_id in run_ids:
        api.log_batches([make_batch(run_id, [("m", i, i, 0.5) for i in range(10_000)])])
    request = GetMetricHistoryBulkRequest(run_id=run_ids, metric_key="m")
    points = api.metrics.GetMetricHistoryBulk(request).metrics
    counts = [sum(point.run_id == run_id for point in points) for run_id in sorted(run_ids)]
    assert counts == [10_000, 10_000, 5_000, 0]


def test_an_error_holds_no_more_than_the_beginning_of_what_was_sent(api: Api) -> None:
    for text in ("x" * 200_000, "\N{GRINNING FACE}" * 50_000):
        with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND") as refusal:
            api.runs.GetRun(GetRunRequest(run_id=text))
        assert len(refusal.message.encode()) <= 1_000
        assert refusal.metadata["value"].startswith(text[:50])
    with expect_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE"):
        api.runs.GetRun(GetRunRequest(run_id="x" * 300_000))


def test_curves_of_groups_that_many_ask_for_at_once_take_little_memory(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(RUNSTREAM_QUERY_TIMEOUT="120")
    api = connect(server.address)
    keys = [f"m{number}" for number in range(10)]
    points = [(key, step, 1, 0.5) for key in keys for step in (0, 1_999)]
    runs = [api.create_run() for _ in range(100)]
    api.log_batches(make_batch(run_id, points) for run_id in runs)
    request = ReadGroupedHistoryRequest(
        groups=[RunSet(run_ids=runs)], metric_keys=keys, max_points=2_000
    )
    before = resident_memory(server)
    reset_peak(server)
    calls = [api.metrics.ReadGroupedHistory.future(request, timeout=120) for _ in range(14)]
    for call in calls:
        assert len(call.result().histories[0].step) == 2_000
    assert peak_memory(server) - before < 170  # all at once take 224 MiB
