"""Open runs send heartbeats, whatever becomes of their process, and ended runs send none."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

import runstream
from runstream import TrackingClient
from runstream.outbox import heartbeats, outgoing_batches
from runstream.outbox.drain import drain
from runstream.outbox.outbox import Outbox
from runstream.v1.logging_service_pb2 import LogBatchRequest
from support.server_process import ENVIRONMENT, ServerProcess

LOST = "runstream.lost"
RUN, OTHER = "a" * 32, "b" * 32

TRAINING = """
import sys, time
import runstream
from runstream.outbox import heartbeats, outgoing_batches
heartbeats.HEARTBEAT = 0.2
with runstream.start_run() as run:
    runstream.log_metric("loss", 1.0)
    runstream.flush()
    print(run.info.run_id, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def server(
    start_server: Callable[..., ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> ServerProcess:
    server = start_server(RUNSTREAM_LOST_AFTER="2")
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    return server


class Training:
    """A process that trains until it is told to end."""

    def __init__(self, server: ServerProcess) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAINING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        )
        assert self.process.stdout is not None
        self.run_id = self.process.stdout.readline().strip()

    def finish(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0


def wait_for(client: TrackingClient, run_id: str, status: str) -> runstream.Run:
    give_up = time.monotonic() + 30
    while (run := client.get_run(run_id)).info.status != status:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return run


def test_the_run_of_a_killed_process_is_failed_until_it_is_resumed_and_that_of_a_quiet_one_never(
    server: ServerProcess, client: TrackingClient
) -> None:
    quiet, killed = Training(server), Training(server)
    killed.process.kill()
    killed.process.communicate()
    run = wait_for(client, killed.run_id, "FAILED")
    assert run.data.tags[LOST].startswith("The last heartbeat came at ")
    assert client.get_run(quiet.run_id).info.status == "RUNNING"
    quiet.finish()
    assert client.get_run(quiet.run_id).info.status == "FINISHED"
    with runstream.start_run(run_id=killed.run_id) as resumed:
        assert resumed.info.status == "RUNNING"
        assert LOST not in resumed.data.tags
    assert client.get_run(killed.run_id).info.status == "FINISHED"


# A process that is killed before its first heartbeat: nothing comes out of its outbox.
STARTS = """
import os, signal, sys
import runstream
from runstream.outbox.outbox import Outbox
Outbox.next_message = lambda *_: None
with runstream.start_run(*sys.argv[1:]) as run:
    print(run.info.run_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_run_of_a_process_that_is_killed_right_after_its_start_is_failed(
    server: ServerProcess, client: TrackingClient
) -> None:
    """R8: a new run, and one that is resumed and never sent a heartbeat before."""
    for resumed in ([], [client.create_run().info.run_id]):
        process = subprocess.run(
            [sys.executable, "-c", STARTS, *resumed],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
            check=False,
        )
        assert process.returncode == -signal.SIGKILL
        wait_for(client, process.stdout.strip(), "FAILED")


def test_the_run_of_a_stopped_process_is_lost_and_comes_back_with_it(
    server: ServerProcess, client: TrackingClient
) -> None:
    training = Training(server)
    training.process.send_signal(signal.SIGSTOP)
    wait_for(client, training.run_id, "FAILED")
    training.process.send_signal(signal.SIGCONT)
    run = wait_for(client, training.run_id, "RUNNING")
    assert run.info.end_time is None
    assert LOST not in run.data.tags
    training.finish()
    assert client.get_run(training.run_id).info.status == "FINISHED"


def test_a_run_is_known_to_send_heartbeats_from_its_start_on(
    server: ServerProcess, client: TrackingClient
) -> None:
    quiet = client.create_run().info.run_id
    client.log_metric(quiet, "m", 1.0)
    client.flush()
    with runstream.start_run() as run, sqlite3.connect(server.database) as database:

        def expected() -> set[str]:
            rows = database.execute("SELECT uuid FROM run WHERE last_heartbeat IS NOT NULL")
            return {row[0] for row in rows}

        give_up = time.monotonic() + 10
        while not expected():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        assert expected() == {run.info.run_id}
    database.close()


@pytest.mark.usefixtures("server")
def test_a_forked_child_sends_no_heartbeats_of_the_run_of_its_parent() -> None:
    with runstream.start_run() as run:
        outbox = run._client._outbox

        def child() -> None:
            run.log_metric("loss", 1.0)
            none_of_parent = not outbox.heartbeats
            with runstream.start_run(nested=True) as own:
                own.log_metric("loss", 1.0)
                own.flush()
                one = len(outbox.heartbeats) == 1
            os._exit(0 if none_of_parent and one else 1)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(30)
        assert process.exitcode == 0
        assert len(outbox.heartbeats) == 1
    run.flush()
    assert not outbox.heartbeats


def sent_heartbeats(outbox: Outbox) -> list[str]:
    """Return which runs the batches that wait are heartbeats of, and answer them."""
    stream, runs = outbox.window.start_stream(), []
    while outbox.window.has_pending():
        request = LogBatchRequest.FromString(outbox.window.next_message(stream) or b"")
        if request == LogBatchRequest(run_id=request.run_id):
            runs.append(request.run_id)
        outbox.answers.record(stream, 1, None)
        stream = outbox.window.start_stream()
    return runs


class Clock:
    """The clock of an outbox, which goes on when a test says so."""

    def __init__(self) -> None:
        self._now = 1_000.0

    def monotonic(self) -> float:
        return self._now

    def advance_past_heartbeat(self) -> None:
        self._now += heartbeats.HEARTBEAT + 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (heartbeats, outgoing_batches):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def outbox() -> Outbox:
    def start() -> bool:  # the uploader's thread is this one
        made.tasks.run_pending(0)
        return True

    made = Outbox(start)
    return made


def test_a_heartbeat_is_sent_only_of_an_open_run_of_which_nothing_else_is_sent(
    outbox: Outbox, clock: Clock
) -> None:
    logging = outbox.buffer(OTHER)
    outbox.start_heartbeats(RUN, "me")
    outbox.start_heartbeats(OTHER, "me")
    assert sent_heartbeats(outbox) == [RUN, OTHER]
    clock.advance_past_heartbeat()
    logging.log_metric("loss", 1.0, 0, None)
    outbox.dispatch.collect()
    outbox.heartbeats.send()
    assert sent_heartbeats(outbox) == [RUN]
    outbox.stop_heartbeats(RUN, "me")
    outbox.stop_heartbeats(OTHER, "me")
    outbox.tasks.run_pending(0)
    clock.advance_past_heartbeat()
    assert outbox.heartbeats.send() is None
    assert sent_heartbeats(outbox) == []


def test_a_run_that_ends_wakes_an_uploader_that_sleeps_but_none_that_is_awake(
    outbox: Outbox,
) -> None:
    outbox.start_heartbeats(RUN, "me")
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, None)
    outbox.dispatch.collect()  # it is awake, because something was logged
    outbox.tasks.run_pending(0)
    outbox.stop_heartbeats(RUN, "me")
    assert outbox.tasks.is_empty()
    assert RUN in outbox.heartbeats
    assert not outbox.dispatch.sleep()  # and does not sleep before it has looked
    outbox.stop_heartbeats(RUN, "me")
    assert RUN not in outbox.heartbeats


def test_a_run_that_is_open_twice_sends_heartbeats_until_it_is_ended_twice(outbox: Outbox) -> None:
    for owner in ("one", "other"):
        outbox.start_heartbeats(RUN, owner)
    for _ in range(2):  # an end that was interrupted is repeated
        outbox.stop_heartbeats(RUN, "one")
    assert outbox.heartbeats.send() is not None
    outbox.stop_heartbeats(RUN, "other")
    assert outbox.heartbeats.send() is None


def test_heartbeats_do_not_pile_up_and_nobody_waits_for_them(outbox: Outbox, clock: Clock) -> None:
    buffer = outbox.buffer(RUN)
    outbox.start_heartbeats(RUN, "me")
    for _ in range(5):
        clock.advance_past_heartbeat()
        outbox.heartbeats.send()
    outbox.flush(RUN, timeout=0)
    assert drain(outbox, 0, 0) is None
    assert outbox.dispatch.sleep()
    buffer.log_params({"a": 1})
    clock.advance_past_heartbeat()
    outbox.heartbeats.send()
    assert drain(outbox, 0.01, 0.01)
    assert sent_heartbeats(outbox) == [RUN]
    assert drain(outbox, 0, 0) is None


def test_the_answer_to_a_heartbeat_is_not_taken_for_that_to_a_batch(outbox: Outbox) -> None:
    buffer = outbox.buffer(RUN)
    outbox.start_heartbeats(RUN, "me")
    buffer.log_params({"a": 1})
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    assert outbox.window.next_message(stream)
    assert outbox.window.next_message(stream)
    drained: list[object] = []
    draining = threading.Thread(target=lambda: drained.append(drain(outbox, 30, 30)))
    draining.start()
    outbox.answers.record(stream, 1, None)
    draining.join(0.2)
    assert draining.is_alive()
    outbox.answers.record(stream, 2, None)
    draining.join(10)
    assert drained == [None]


def test_the_refusal_of_a_heartbeat_fails_no_call(outbox: Outbox) -> None:
    outbox.start_heartbeats(RUN, "me")
    stream = outbox.window.start_stream()
    assert outbox.window.next_message(stream)
    outbox.answers.record(stream, 1, runstream.FailedPrecondition("the run is deleted"))
    outbox.flush()
