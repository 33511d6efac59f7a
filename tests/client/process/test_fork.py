"""Processes that are forked or spawned while this one logs, as MLflow's documentation does it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import pytest

import runstream
from runstream import ActiveRun, TrackingClient
from support.interrupts import Interrupted
from support.server_process import ServerProcess

WORKERS = 4


@pytest.fixture(autouse=True)
def tracking(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT_ID", "")
    yield
    while runstream.active_run():
        runstream.end_run()


def train(number: int) -> str:
    with runstream.start_run() as run:
        runstream.log_param("number", number)
        for step in range(20):
            runstream.log_metric("loss", number / (step + 1), step=step)
    return run.info.run_id


def trained(run_id: str, number: int, experiment_id: str) -> bool:
    """Return whether a run is what `train` makes."""
    run = runstream.get_run(run_id)
    history = TrackingClient().get_metric_history(run_id, "loss")
    return (
        run.info.status == "FINISHED"
        and run.info.experiment_id == experiment_id
        and run.data.params == {"number": str(number)}
        and [point.value for point in history] == [number / (step + 1) for step in range(20)]
    )


@contextmanager
def logging_all_the_while(run: ActiveRun) -> Iterator[Callable[[], int]]:
    """Log a point every half a millisecond; yield a function that tells how many it were."""
    stop = threading.Event()
    count = 0

    def log() -> None:
        nonlocal count
        while not stop.wait(0.0005):
            run.log_metric("parent", count, step=count)
            count += 1

    thread = threading.Thread(target=log)
    thread.start()
    try:
        yield lambda: count
    finally:
        stop.set()
        thread.join()


def in_child(work: Callable[[], None]) -> int:
    """Run a function in a forked child; return its exit status."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(30)
    if process.exitcode is None:
        process.kill()
        raise AssertionError("the child hangs")
    return process.exitcode


@pytest.mark.timeout(120)
def test_fifty_pools_of_forked_workers_start_runs_while_the_parent_logs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    experiment_id = runstream.set_experiment("forked").experiment_id
    children: list[tuple[str, int]] = []
    with runstream.start_run() as parent, logging_all_the_while(parent) as logged:
        for number in range(50):
            numbers = range(number, number + WORKERS)
            with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
                children += zip(pool.map_async(train, numbers).get(30), numbers, strict=True)
    assert len(set(children)) == 50 * WORKERS
    assert all(
        trained(run_id, number, experiment_id) for run_id, number in children[:: WORKERS - 1]
    )
    history = TrackingClient().get_metric_history(parent.info.run_id, "parent")
    assert [point.step for point in history] == list(range(logged()))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_workers_of_a_pool_logged_while_the_server_was_away_is_on_disk(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool ends its workers by a signal as soon as their functions have returned."""
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(tmp_path / "spool"))
    server.kill()
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        run_ids = pool.map_async(train, range(WORKERS)).get(60)
    server.restart()
    assert runstream.sync().is_complete
    assert all(trained(run_id, number, "0") for number, run_id in enumerate(run_ids))


def test_spawned_workers_start_runs_in_the_experiment_of_the_parent() -> None:
    experiment_id = runstream.set_experiment("spawned").experiment_id
    with (
        runstream.start_run() as parent,
        logging_all_the_while(parent) as logged,
        multiprocessing.get_context("spawn").Pool(WORKERS) as pool,
    ):
        run_ids = pool.map(train, range(WORKERS))
    assert all(trained(run_id, number, experiment_id) for number, run_id in enumerate(run_ids))
    history = TrackingClient().get_metric_history(parent.info.run_id, "parent")
    assert len(history) == logged()


def test_a_child_does_not_send_what_its_parent_had_logged(server: ServerProcess) -> None:
    with runstream.start_run() as run:
        server.kill()  # so that all of it waits in the parent
        for step in range(1000):
            run.log_metric("loss", step, step=step)
        in_child(lambda: os._exit(0 if _waiting(run) == 0 else 1))
        assert _waiting(run) == 1000
        server.restart()
    assert len(TrackingClient().get_metric_history(run.info.run_id, "loss")) == 1000


def _waiting(run: ActiveRun) -> int:
    outbox = run._client._outbox
    backlog = outbox.backlog().get(run.info.run_id)
    return backlog.points if backlog else 0


def test_a_child_may_log_to_the_run_of_its_parent_and_does_not_end_it() -> None:
    with runstream.start_run() as run:
        runstream.log_metric("loss", 1.0, step=1)

        def log() -> None:
            runstream.log_metric("loss", 2.0, step=2)
            runstream.end_run()

        assert in_child(log) == 0
        assert runstream.get_run(run.info.run_id).info.status == "RUNNING"
        assert run.data.metrics == {"loss": 2.0}


def test_a_child_may_start_its_own_run_below_or_beside_that_of_its_parent() -> None:
    with runstream.start_run() as run:
        queue = multiprocessing.get_context("fork").SimpleQueue()

        def start() -> None:
            with runstream.start_run(nested=True) as below:
                pass
            with runstream.start_run() as beside:
                pass
            queue.put((below.info.run_id, beside.info.run_id))

        assert in_child(start) == 0
        below, beside = queue.get()
    parent = runstream.get_parent_run(below)
    assert parent is not None
    assert parent.info.run_id == run.info.run_id
    assert runstream.get_parent_run(beside) is None


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_of_a_child_ends_its_runs_and_waits_for_what_it_logged(fails: bool) -> None:
    """R5."""
    queue = multiprocessing.get_context("fork").SimpleQueue()

    def log() -> None:
        run = runstream.start_run()
        queue.put(run.info.run_id)
        for step in range(20_000):
            runstream.log_metric("loss", 1.0, step=step)
        if fails:
            raise ValueError("expected by the test")

    assert in_child(log) == int(fails)
    run_id = queue.get()
    assert runstream.get_run(run_id).info.status == ("FAILED" if fails else "FINISHED")
    assert len(TrackingClient().get_metric_history(run_id, "loss")) == 20_000


def test_calls_under_way_in_other_threads_survive_a_fork() -> None:
    client = TrackingClient()
    run_id = client.create_run().info.run_id
    stop = threading.Event()
    errors: list[BaseException] = []

    def call() -> None:
        try:
            while not stop.is_set():
                client.log(run_id, [("loss", 1.0, 1, 1)])
                client.get_run(run_id)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        assert in_child(lambda: None) == 0
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_the_middle_of_a_fork_leaves_nothing_suspended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python drops what a signal handler raises within the hooks of a fork."""
    interrupts: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        interrupts.append(number)
        raise Interrupted

    client = TrackingClient()
    run_id = client.create_run().info.run_id
    before = signal.signal(signal.SIGALRM, interrupt)
    dropped: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: dropped.append(raised.exc_type))
    try:
        for step in range(100):
            client.log_metric(run_id, "loss", 0.5, step=step)
            client.flush()  # gRPC is in use at each fork
            child = None
            with suppress(Interrupted):
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + step * 1e-4)
                child = os.fork()
                if child == 0:
                    os._exit(0)
                while len(interrupts) == step:
                    time.sleep(0.001)
            if child is not None:
                os.waitpid(child, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
        # The hooks of `logging` are in Python, so that an interrupt of them leaves its lock held.
        while logging._lock._is_owned():  # type: ignore[attr-defined]
            logging._lock.release()  # type: ignore[attr-defined]
    assert dropped
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert len(client.get_metric_history(run_id, "loss")) == 100
