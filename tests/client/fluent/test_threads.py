"""Many threads, as MLflow's documentation uses them, and more of them at once."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

import runstream
from runstream import ActiveRun, TrackingClient
from support.server_process import ServerProcess

# How many points each run has.
COUNTS = """
SELECT uuid, sum(count) FROM run JOIN (
    SELECT run_id, count FROM tail_row
    UNION ALL
    SELECT series.run_id, chunk.count FROM chunk JOIN series ON series.id = chunk.series_id
) ON run_id = run.id GROUP BY run.id
"""


@pytest.fixture(autouse=True)
def tracking(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.delenv("RUNSTREAM_EXPERIMENT_ID", raising=False)
    yield
    while runstream.active_run():
        runstream.end_run()


def test_many_threads_log_to_one_run_without_losing_a_point() -> None:
    with runstream.start_run() as run:

        def log(thread: int) -> None:
            for step in range(2_000):
                run.log_metric("shared", float(thread), step=step)
                run.log_metric(f"own{thread}", step, step=step)
            run.log_param(f"p{thread}", thread)
            run.set_tag("last", thread)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(log, range(8)))
    client = TrackingClient()
    assert len(client.get_metric_history(run.info.run_id, "shared")) == 16_000
    assert all(
        [point.value for point in client.get_metric_history(run.info.run_id, f"own{thread}")]
        == list(range(2_000))
        for thread in range(8)
    )
    assert run.data.params == {f"p{thread}": str(thread) for thread in range(8)}


def test_each_thread_has_its_own_active_run() -> None:
    """As in MLflow's documentation: a pool of threads that each start a run."""
    runstream.set_experiment("threads")
    both_active = threading.Barrier(4)

    def train(lr: float) -> ActiveRun:
        with runstream.start_run(run_name=f"lr {lr}") as run:
            both_active.wait(30)
            runstream.log_param("lr", lr)
            runstream.log_metric("loss", lr)
        assert runstream.active_run() is None
        return run

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(train, [0.1, 0.2, 0.3, 0.4]))
    for run, lr in zip(runs, [0.1, 0.2, 0.3, 0.4], strict=True):
        assert run.data.params == {"lr": str(lr)}
        assert run.data.metrics == {"loss": lr}
        assert run.info.status == "FINISHED"
    assert runstream.active_run() is None


def test_child_runs_in_threads_find_their_parent() -> None:
    """As in MLflow's documentation: child runs of one parent in a pool of threads."""

    def train(lr: float, parent_run_id: str) -> str:
        with runstream.start_run(nested=True, parent_run_id=parent_run_id) as run:
            runstream.log_metric("loss", lr)
        return run.info.run_id

    with runstream.start_run() as parent, ThreadPoolExecutor(3) as pool:
        children = list(pool.map(lambda lr: train(lr, parent.info.run_id), [0.1, 0.2, 0.3]))
        assert runstream.active_run() is parent
    for child in children:
        found = runstream.get_parent_run(child)
        assert found is not None
        assert found.info.run_id == parent.info.run_id


def test_a_run_may_be_ended_by_another_thread() -> None:
    run = runstream.start_run()
    run.log_metric("loss", 1.0)
    thread = threading.Thread(target=run.end)
    thread.start()
    thread.join()
    assert run.info.status == "FINISHED"
    assert runstream.active_run() is None
    runstream.log_metric("loss", 2.0)
    other = runstream.active_run()
    assert other is not None
    assert (run.data.metrics, other.data.metrics) == ({"loss": 1.0}, {"loss": 2.0})


def test_each_asyncio_task_has_its_own_active_run() -> None:
    async def train(number: int) -> tuple[str, int]:
        with runstream.start_run() as run:
            for step in range(3):
                runstream.log_metric("loss", number, step=step)
                await asyncio.sleep(0.001)
        return run.info.run_id, number

    async def both() -> list[tuple[str, int]]:
        return list(await asyncio.gather(train(1), train(2)))

    for run_id, number in asyncio.run(both()):
        assert runstream.get_run(run_id).data.metrics == {"loss": number}


def test_threads_that_flush_while_others_log_all_return() -> None:
    with runstream.start_run() as run:
        stop = threading.Event()

        def log() -> None:
            step = 0
            while not stop.is_set():
                run.log_metric("loss", 1.0, step=step)
                step += 1
                if step % 100 == 0:
                    time.sleep(0.001)  # or else it outruns the server, and flushes wait for that

        logger = threading.Thread(target=log)
        logger.start()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: run.flush(timeout=20), range(40)))
        stop.set()
        logger.join()


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads take turns a hundred times as often as usual, so that they meet in more places."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_thousands_of_runs_are_created_while_threads_log_and_every_point_is_there_once(
    server: ServerProcess,
) -> None:
    with TrackingClient(server.uri) as client:
        long_run = client.create_run().info.run_id
        stop = threading.Event()

        def log() -> int:
            step = 0
            while not stop.is_set():
                client.log_metric(long_run, "loss", 1.0, step=step)
                step += 1
                if step % 50 == 0:
                    time.sleep(0.001)
            return step

        def create(count: int) -> list[str]:
            run_ids = []
            for _ in range(count):
                run_ids.append(client.create_run().info.run_id)
                for step in range(3):
                    client.log_metric(run_ids[-1], "loss", 1.0, step=step)
            return run_ids

        with ThreadPoolExecutor(9) as pool:
            logger = pool.submit(log)
            run_ids = [run_id for made in pool.map(create, [250] * 8) for run_id in made]
            stop.set()
        client.flush(60)
    with closing(sqlite3.connect(server.database)) as database:
        rows = database.execute(COUNTS).fetchall()
    assert len(run_ids) == 2_000
    assert dict(rows) == dict.fromkeys(run_ids, 3) | {long_run: logger.result()}
