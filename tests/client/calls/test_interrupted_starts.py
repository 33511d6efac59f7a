"""A start of a run that is interrupted leaves no run RUNNING (R9)."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import runstream
from runstream import TrackingClient
from runstream.process import shutdown
from runstream.spool.folder import list_folders
from runstream.spool.log_files import count_bytes
from support.interrupts import Interrupted, interrupt_at
from support.proxy import Proxy
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until

# How long the proxy holds back what it passes on, in either direction.
WAY = 0.2

PREFACE = """
import sys, time
import runstream
from runstream import TrackingClient
uri, run_id = sys.argv[1:]
runstream.set_tracking_uri(uri)
client = TrackingClient()
client.get_experiment("0")
def ready():
    print("ready", flush=True)
"""

# What programs are interrupted in, each by a signal so many times the way of a request later. On a
# busy machine the signal may come after the call, which ends the program, too.
PROGRAMS = {
    "start_run": "ready(); runstream.start_run()",
    "implicit": "ready(); runstream.log_metric('loss', 1.0)",
    "nested": "runstream.start_run(); ready(); runstream.start_run(nested=True)",
    "create_run": "ready(); client.create_run(); print('whole', flush=True)",
    "resumed": "ready(); runstream.start_run(run_id=run_id)",
    "in a thread": (
        "import threading\nthreading.Thread(target=runstream.start_run, daemon=True).start()\n"
        "ready()"
    ),
}


def statuses(client: TrackingClient) -> Counter[str]:
    return Counter(run.info.status for run in client.search_runs(["0"]))


@pytest.fixture
def chosen(server: ServerProcess) -> Iterator[None]:
    """The fluent API logs to the server."""
    before = runstream.get_tracking_uri()
    runstream.set_tracking_uri(server.uri)
    yield
    runstream.set_tracking_uri(before)


def new_run(_: TrackingClient) -> None:
    runstream.start_run()
    runstream.end_run()


def implicit_run(_: TrackingClient) -> None:
    runstream.log_metric("loss", 0.5)
    runstream.end_run()


def nested_run(_: TrackingClient) -> None:
    with runstream.start_run():
        runstream.start_run(nested=True)
        runstream.end_run()


def run_of_client(client: TrackingClient) -> None:
    client.create_run()


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize("call", [new_run, implicit_run, nested_run, run_of_client])
def test_an_interrupt_at_any_instruction_leaves_no_run_that_the_program_does_not_end(
    client: TrackingClient, call: Callable[[TrackingClient], None]
) -> None:
    """R9: runs that are open still, such as one whose `end_run` was interrupted, are its to end."""
    call(client)  # the client of this process is there
    for instruction in itertools.count(1, 23):
        with interrupt_at(instruction):
            try:
                call(client)
            except Interrupted:
                interrupted = True
            else:
                interrupted = False
        while runstream.active_run():
            runstream.end_run("KILLED")
        if not interrupted:
            break
    assert instruction > 400
    shutdown.finish("KILLED")
    # Two calls of `create_run` were whole. One may have been interrupted when it had returned its
    # run, and before its caller had it.
    last = 3 if call is run_of_client else 0
    assert statuses(client)["RUNNING"] <= last


def interrupt(uri: str, run_id: str, code: str, number: int, after: float) -> tuple[int, str, str]:
    """Run a program, send it a signal; return its exit status and what it wrote after `ready`."""
    with subprocess.Popen(
        [sys.executable, "-c", f"{PREFACE}{code}\ntime.sleep(30)", uri, run_id],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as program:
        assert program.stdout
        assert program.stdout.readline() == "ready\n"
        time.sleep(after)
        program.send_signal(number)
        printed, said = program.communicate(timeout=60)
    return program.returncode, printed, said


def test_programs_that_are_interrupted_while_they_start_a_run_leave_it_killed(
    client: TrackingClient, server: ServerProcess
) -> None:
    """R9: whether the request or the answer is on its way."""
    proxy = Proxy(server.address)
    proxy.delay(WAY)
    finished = [client.create_run().info.run_id for _ in range(4)]
    for run_id in finished:
        client.set_terminated(run_id)
    cases = [
        (code, number, part)
        for code in PROGRAMS.values()
        for number, part in ((signal.SIGINT, 0.5), (signal.SIGINT, 1.5), (signal.SIGTERM, 1.2))
    ]
    ids = itertools.cycle(finished)
    with ThreadPoolExecutor(4) as pool:
        ends = [
            (number, pool.submit(interrupt, proxy.uri, next(ids), code, number, part * WAY))
            for code, number, part in cases
        ]
    proxy.close()
    whole = 0  # the calls of `create_run` that were: these runs are their callers' to end
    for number, end in ends:
        status, printed, said = end.result()
        assert status == -number, said
        assert "runstream: " not in said
        whole += printed == "whole\n"
    found = statuses(client)
    assert found["KILLED"] >= 12  # some had not begun
    assert found["RUNNING"] == whole
    assert found.keys() <= {"KILLED", "FINISHED", "RUNNING"}


CAUGHT = """
try:
    ready()
    runstream.start_run()
except KeyboardInterrupt:
    runstream.flush()
    run, = TrackingClient(run_id).search_runs(["0"])
    print(run.info.status, runstream.active_run(), flush=True)
"""


def test_a_program_that_goes_on_after_an_interrupt_has_no_run_left(
    client: TrackingClient, server: ServerProcess
) -> None:
    """R9."""
    way = 2.5 * WAY  # its signal must come between the request and the answer
    proxy = Proxy(server.address)
    proxy.delay(way)
    with subprocess.Popen(
        [sys.executable, "-c", PREFACE + CAUGHT, proxy.uri, server.uri],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as program:
        assert program.stdout
        program.stdout.readline()
        time.sleep(way)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=60)[0] == "KILLED None\n"
    assert program.returncode == 0
    proxy.close()
    assert statuses(client) == {"KILLED": 1}


def test_an_interrupted_start_without_a_server_ends_soon_and_says_where_the_run_is_kept(
    tmp_path: Path,
) -> None:
    """R9, X8: the port is open, and nobody answers."""
    code = PREFACE.replace('client.get_experiment("0")', "") + PROGRAMS["start_run"]
    variables = {"RUNSTREAM_EXIT_SECONDS": "1", "RUNSTREAM_SPOOL": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-c", code, uri, ""],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT | variables,
        ) as program:
            assert program.stdout
            program.stdout.readline()
            wait_until(lambda: any(count_bytes(one.batches) for one in list_folders(tmp_path)), 30)
            program.send_signal(signal.SIGINT)
            _, said = program.communicate(timeout=60)
    assert program.returncode == -signal.SIGINT, said
    assert f"it is kept in {tmp_path}" in said
