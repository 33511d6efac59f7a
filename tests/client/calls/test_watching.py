"""Watching through the client: what was told adds up to what is there, whatever broke meanwhile."""

from __future__ import annotations

import math
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import runstream
from runstream import FailedPrecondition, InvalidArgument, Metric, NotFound, RunChange
from runstream import TrackingClient as Client
from support.proxy import Proxy
from support.server_process import ENVIRONMENT, ServerProcess

END = "the end"


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.uri) as client:
        yield client


class State:
    """What changes make of runs."""

    def __init__(self) -> None:
        self.points: set[tuple[str, Metric]] = set()
        self.params: dict[tuple[str, str], str] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.info: dict[str, runstream.RunInfo] = {}

    def apply(self, change: RunChange) -> None:
        run_id = change.run_id
        self.points.update((run_id, metric) for metric in change.metrics)
        self.params.update(((run_id, key), value) for key, value in change.params.items())
        self.tags.update(((run_id, key), value) for key, value in change.tags.items())
        for key in change.deleted_tags:
            self.tags.pop((run_id, key), None)
        if change.info is not None:
            self.info[run_id] = change.info

    def read(self, client: Client, run_id: str) -> None:
        run = client.get_run(run_id)
        self.info[run_id] = run.info
        self.params.update(((run_id, key), value) for key, value in run.data.params.items())
        self.tags.update(((run_id, key), value) for key, value in run.data.tags.items())
        for part in client.read_metric_history(run_id):
            self.points.update((run_id, metric) for metric in part.rows())

    def of(self, run_id: str) -> tuple[Any, ...]:
        return (
            self.info[run_id],
            {key: value for key, value in self.params.items() if key[0] == run_id},
            {key: value for key, value in self.tags.items() if key[0] == run_id},
            {point for point in self.points if point[0] == run_id},
        )


def log(client: Client, run_id: str, stop: threading.Event) -> None:
    """Log and change all sorts of things, until told to end the run."""
    step = 0
    while not stop.is_set() or step < 100:
        for _ in range(20):
            client.log_metric(run_id, "m", step / 7, step=step)
            step += 1
        client.log_params(run_id, {f"p{step}": step})
        client.set_tags(run_id, {"last": step, f"t{step}": step})
        client.delete_tag(run_id, f"t{step}")
        time.sleep(0.01)
    client.set_terminated(run_id)


def test_a_change_is_told_as_a_plain_value(client: Client) -> None:
    run_id = client.create_run().info.run_id
    changes = client.watch([run_id])
    client.log(run_id, [("m", math.inf, 3, -2)], {"lr": 1}, {"t": "x"})
    client.delete_tag(run_id, "t")
    info = client.update_run(run_id, "FINISHED", end_time=7)
    logged, untagged, ended = (next(changes) for _ in range(3))
    assert (logged.run_id, logged.experiment_id, logged.info) == (run_id, "0", None)
    assert logged.metrics == [Metric("m", math.inf, 3, -2)]
    assert (logged.params, logged.tags) == ({"lr": "1"}, {"t": "x"})
    assert untagged.deleted_tags == ("t",)
    assert ended.info == info
    again = client.watch([run_id], position=logged.position)
    assert next(again).deleted_tags == ("t",)


def test_a_watch_that_cannot_be_is_refused_when_it_begins(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="run_ids"):
        client.watch()
    with pytest.raises(NotFound):
        client.watch(experiment_ids=["7"])
    with pytest.raises(InvalidArgument, match="position"):
        client.watch(experiment_ids=["0"], position="yesterday")


def test_closing_a_watch_ends_the_call(client: Client) -> None:
    run_id = client.create_run().info.run_id
    begun, told = client.watch([run_id]), client.watch([run_id])
    client.log(run_id, tags={"t": "x"})
    next(told)
    calls = [read.call for read in client._connection._channel._reads]
    assert [call.is_active() for call in calls] == [True, True]
    begun.close()
    told.close()
    assert [call.is_active() for call in calls] == [False, False]


def test_a_watch_goes_on_after_cuts_and_adds_up_to_what_is_there(
    server: ServerProcess, client: Client
) -> None:
    proxy = Proxy(server.address)
    experiment_id = client.create_experiment("watched")
    there_before = client.create_run(experiment_id).info.run_id
    client.log_metric(there_before, "m", 0.5, step=-1)
    stop = threading.Event()

    state = State()
    with Client(proxy.uri) as watcher:
        position = watcher.get_position()
        loggers = [threading.Thread(target=log, args=(client, there_before, stop))]
        loggers[0].start()
        state.read(watcher, there_before)
        changes = watcher.watch(experiment_ids=[experiment_id], position=position)
        run_ids = [there_before, *(client.create_run(experiment_id).info.run_id for _ in range(3))]
        loggers += [
            threading.Thread(target=log, args=(client, run_id, stop)) for run_id in run_ids[1:]
        ]
        for logger in loggers[1:]:
            logger.start()

        def cut_and_end() -> None:
            for _ in range(6):
                time.sleep(0.2)
                proxy.cut()
            stop.set()
            for logger in loggers:
                logger.join()
            client.log(there_before, tags={END: "now"})

        cutter = threading.Thread(target=cut_and_end)
        cutter.start()
        for change in changes:
            state.apply(change)
            if END in change.tags:
                break
        changes.close()
        cutter.join()
    proxy.close()
    there = State()
    for run_id in run_ids:
        there.read(client, run_id)
        assert state.of(run_id) == there.of(run_id)


def test_a_watch_that_cannot_go_on_after_a_restart_says_so(
    server: ServerProcess, client: Client
) -> None:
    changes = client.watch(experiment_ids=["0"])
    server.kill()
    server.restart()
    with pytest.raises(FailedPrecondition) as raised:
        next(changes)
    assert raised.value.reason == "WATCH_FELL_BEHIND"


def test_a_watch_survives_forks_in_the_parent_and_in_the_child(client: Client) -> None:
    run_id = client.create_run().info.run_id
    changes = client.watch([run_id])
    told: list[int] = []

    def follow(changes: Iterator[RunChange], until: int) -> None:
        for change in changes:
            told.extend(metric.step for metric in change.metrics)
            if until in told:
                return

    following = threading.Thread(target=follow, args=(changes, 5))
    following.start()
    childs = client.watch([run_id])

    def child() -> None:
        told.clear()
        follow(childs, 5)
        assert set(told) == set(range(6))

    children = []
    for step in range(5):
        client.log(run_id, [("m", 1.0, 1, step)])
        children.append(multiprocessing.get_context("fork").Process(target=child))
        children[-1].start()
    client.log(run_id, [("m", 1.0, 1, 5)])
    following.join(30)
    for one in children:
        one.join(30)
    assert [one.exitcode for one in children] == [0] * 5
    assert set(told) == set(range(6))


def test_the_fluent_watch_is_of_the_chosen_experiment(
    server: ServerProcess, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT_ID", client.create_experiment("watched"))
    changes = runstream.watch()
    with runstream.start_run(experiment_id="0"):
        pass
    with runstream.start_run() as run:
        pass
    assert next(changes).run_id == run.info.run_id
    changes.close()


def test_a_watch_begins_while_the_server_is_away_once_it_is_back(
    server: ServerProcess, client: Client
) -> None:
    run_id = client.create_run().info.run_id
    server.kill()
    back = threading.Timer(0.5, server.restart)
    back.start()
    changes = client.watch([run_id])
    client.log(run_id, tags={"t": "x"})
    assert next(changes).tags == {"t": "x"}
    changes.close()
    back.join()


INTERRUPTED = """
import sys
from runstream import TrackingClient
from runstream.transport.call_threads import CallThreads

def interrupt(frame, event, _):
    if frame.f_code is CallThreads.run.__code__:
        if "left" in frame.f_locals:  # it waits for a thread that makes the call
            sys.settrace(None)
            raise KeyboardInterrupt
        return interrupt

with TrackingClient(sys.argv[1]) as client:
    run_id = client.create_run().info.run_id
    sys.settrace(interrupt)
    client.watch([run_id])
"""


def test_a_program_that_is_interrupted_while_a_watch_begins_ends(server: ServerProcess) -> None:
    """A call of gRPC is there then, and nobody takes its answers."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, server.uri],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.endswith("KeyboardInterrupt\n")
    assert done.returncode == -signal.SIGINT
