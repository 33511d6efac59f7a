"""Runs that several processes log to while their server is away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

_CHILD = """
import sys, runstream
with runstream.start_run(run_id=sys.argv[1]):
    print("started", flush=True)
    for step in range(50):
        runstream.log_metric(sys.argv[2], step, step=step)
    sys.stdin.readline()
"""

_PARENT = """
import sys, runstream
with runstream.start_run(run_name="parent", tags={"of": "parent"}) as run:
    runstream.log_metric("parent", 1.0)
    print(run.info.run_id, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a program with its arguments, and a spool that all of them share."""

    def start(uri: str, program: str, *arguments: str) -> subprocess.Popen[str]:
        environment = ENVIRONMENT | {
            "RUNSTREAM_TRACKING_URI": uri,
            "RUNSTREAM_SPOOL": str(tmp_path / "spool"),
        }
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )

    return start


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate("\n", timeout=120)
    assert process.returncode == 0, errors


def test_processes_that_reach_the_server_before_the_one_that_started_their_run_lose_nothing(
    start_server: Callable[..., ServerProcess],
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    server = start_server("away")
    server.kill()
    parent = start(server.uri, _PARENT)
    run_id = read_line(parent)
    children = [start(server.uri, _CHILD, run_id, f"child{number}") for number in range(2)]
    for child in children:
        assert read_line(child) == "started"
    parent.kill()  # so that it is the children who reach the server
    parent.communicate()
    server.restart()
    late = start(server.uri, _CHILD, run_id, "late")
    assert read_line(late) == "started"
    for child in (*children, late):
        end(child)
    with TrackingClient(server.uri) as client:
        for key in ("child0", "child1", "late"):
            points = client.get_metric_history(run_id, key)
            assert [point.step for point in points] == list(range(50)), key
        run = client.get_run(run_id)
        assert run.info.run_name == "parent"
        assert run.data.tags["of"] == "parent"
        assert run.info.status == "FINISHED"
    assert not list(tmp_path.glob("spool/*/refused.log"))


def test_a_job_that_is_restarted_resumes_the_run_that_waits_in_the_spool(
    start_server: Callable[..., ServerProcess], start: Callable[..., subprocess.Popen[str]]
) -> None:
    server = start_server("restart")
    server.kill()
    first = start(server.uri, _PARENT)
    run_id = read_line(first)
    first.kill()
    first.communicate()
    server.restart()
    second = start(server.uri, _CHILD, run_id, "second")
    assert read_line(second) == "started"
    end(second)
    with TrackingClient(server.uri) as client:
        assert len(client.get_metric_history(run_id, "second")) == 50
        assert client.get_run(run_id).info.run_name == "parent"


def test_a_run_that_is_nowhere_is_refused_as_ever(
    server: ServerProcess, start: Callable[..., subprocess.Popen[str]]
) -> None:
    program = f"""
import runstream
client = runstream.TrackingClient({server.uri!r})
for _ in range(2):
    client.log_metric("f" * 32, "m", 1.0)
    try:
        client.flush(30)
    except runstream.NotFound as error:
        print(error.reason, flush=True)
run = client.create_run()
client.log_metric(run.info.run_id, "m", 1.0)
client.flush(30)
print(client.get_run(run.info.run_id).data.metrics)
"""
    process = start(server.uri, program)
    output, _ = process.communicate(timeout=120)
    assert output.splitlines() == ["RUN_NOT_FOUND", "RUN_NOT_FOUND", "{'m': 1.0}"]
