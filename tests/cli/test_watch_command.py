"""`runstream watch` against a real server, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runstream import FailedPrecondition, TrackingClient
from support.server_process import ENVIRONMENT
from support.shell import COMMAND, Shell

Watching = subprocess.Popen[str]


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    run_id = client.create_run(run_name="watched").info.run_id
    client.log(run_id, params={"lr": "0.1"})
    return run_id


@pytest.fixture
def watch(shell: Shell) -> Iterator[Callable[..., Watching]]:
    """Start `runstream watch` with arguments."""
    started = []

    def watch(*arguments: str) -> Watching:
        process = subprocess.Popen(
            [*COMMAND, "watch", *arguments],
            env=ENVIRONMENT | shell.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield watch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def line(process: Watching) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def object_of(process: Watching) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(line(process))
    return read


def until(process: Watching, text: str) -> str:
    """The next line that has this text."""
    while text not in (said := line(process)):
        assert said, process.communicate()
    return said


def test_what_is_logged_is_printed_as_it_comes_until_the_run_ends(
    client: TrackingClient, run_id: str, watch: Callable[..., Watching]
) -> None:
    process = watch(run_id)
    until(process, "run watched is RUNNING")
    until(process, "param lr = 0.1")
    client.log(run_id, [("loss", 0.5, 1, 1), ("loss", 0.25, 2, 2)], tags={"note": "a\nb"})
    assert until(process, "metric loss").endswith("loss = 0.25 at step 2, and 1 before\n")
    client.log(run_id, [("loss", 0.125, 3, 3)])
    assert until(process, "metric loss").endswith("loss = 0.125 at step 3\n")
    client.set_terminated(run_id)
    until(process, "run watched is FINISHED")
    assert process.wait(60) == 0


def test_json_is_an_object_a_line_with_every_point(
    client: TrackingClient, run_id: str, watch: Callable[..., Watching]
) -> None:
    process = watch(run_id, "--json")
    first = object_of(process)
    assert (first["info"]["run_id"], first["data"]["params"]) == (run_id, {"lr": "0.1"})
    points = [("loss", 1 / (i + 1), i, i) for i in range(100)]
    client.log(run_id, [*points, ("odd", float("inf"), 1, 1)])
    client.set_terminated(run_id, "FAILED")
    changes: list[dict[str, Any]] = []
    while not changes or changes[-1]["info"] is None:
        changes.append(object_of(process))
    assert {change["run_id"] for change in changes} == {run_id}
    logged = [tuple(point.values()) for change in changes for point in change["metrics"]]
    assert [p for p in logged if p[0] == "loss"] == [(k, v, t, s) for k, v, t, s in points]
    assert [p for p in logged if p[0] == "odd"] == [("odd", "Infinity", 1, 1)]
    assert changes[-1]["info"]["status"] == "FAILED"
    assert process.wait(60) == 1


@pytest.mark.parametrize(("status", "expected"), [("FINISHED", 0), ("FAILED", 1), ("KILLED", 1)])
def test_the_status_is_that_of_the_run(
    shell: Shell, client: TrackingClient, run_id: str, status: str, expected: int
) -> None:
    client.set_terminated(run_id, status)
    done = shell.process("watch", run_id)
    assert (done.returncode, done.stderr) == (expected, "")
    assert f"is {status}" in done.stdout


def test_the_watch_of_a_run_that_is_deleted_ends(
    client: TrackingClient, run_id: str, watch: Callable[..., Watching]
) -> None:
    process = watch(run_id)
    until(process, "is RUNNING")
    client.delete_run(run_id)
    until(process, "is deleted")
    assert process.wait(60) == 1


def test_an_interrupt_ends_it_with_status_130_and_no_traceback(
    run_id: str, watch: Callable[..., Watching]
) -> None:
    process = watch(run_id)
    until(process, "is RUNNING")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert process.stderr.read().strip() == ""


def test_a_run_that_is_not_there_cannot_be_watched(shell: Shell) -> None:
    assert "f" * 32 in shell.refusal(3, "watch", "f" * 32)


def test_a_watcher_that_fell_behind_is_shown_the_run_anew(
    shell: Shell, client: TrackingClient, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To be too slow takes a minute and many points, so here it is only said."""

    def fell_behind(*_: object, **__: object) -> None:
        client.set_terminated(run_id)
        raise FailedPrecondition("too slow", reason="WATCH_FELL_BEHIND")

    monkeypatch.setattr(TrackingClient, "watch", fell_behind)
    done = shell.run("watch", run_id)
    assert [line.split("is ")[1] for line in done.stdout.splitlines() if " is " in line] == [
        "RUNNING",
        "FINISHED",
    ]
    assert done.exit_code == 0
    assert "too slow" in done.stderr
