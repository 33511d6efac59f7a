"""Programs start, fill and end runs while their server is away, and wait for it nowhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time

import pytest

import runstream
from runstream import FailedPrecondition, NotFound, TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

pytestmark = pytest.mark.usefixtures("tracking")


def kill(server: ServerProcess) -> None:
    """Kill the server, and return when this process knows."""
    client = TrackingClient(server.uri)
    run = runstream.start_run(run_name="before")
    runstream.flush()
    server.kill()
    run.log_metric("last", 1.0)
    while not client.is_away:
        time.sleep(0.02)
    run.end()


def test_runs_start_and_end_without_a_server_which_gets_all_of_it_in_order(
    server: ServerProcess,
) -> None:
    kill(server)
    begin = time.monotonic()
    with runstream.start_run(run_name="alone", tags={"team": "blue"}) as run:
        runstream.set_tag("team", "red")
        runstream.delete_tag("team")
        runstream.log_metric("loss", 0.5)
        runstream.log_outputs([("m-1", 3)])
        with runstream.start_run(nested=True) as child:
            runstream.log_param("depth", 2)
    assert time.monotonic() - begin < 3  # for which one call would wait for a connection
    assert (run.info.run_name, run.info.status, run.info.artifact_uri) == ("alone", "FINISHED", "")
    server.restart()
    runstream.flush()
    stored = runstream.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert (stored.info.start_time, stored.info.end_time) == (
        run.info.start_time,
        run.info.end_time,
    )
    assert stored.data.metrics == {"loss": 0.5}
    assert "team" not in stored.data.tags
    assert [model.model_id for model in stored.outputs.model_outputs] == ["m-1"]
    inner = runstream.get_run(child.run_id)
    assert inner.data.params == {"depth": "2"}
    assert inner.data.tags["mlflow.parentRunId"] == run.run_id


def test_an_experiment_that_is_chosen_without_a_server_is_created_by_the_first_run(
    server: ServerProcess,
) -> None:
    kill(server)
    assert runstream.set_experiment("later").experiment_id == ""
    assert os.environ["RUNSTREAM_EXPERIMENT_NAME"] == "later"
    with runstream.start_run() as run, runstream.start_run(nested=True) as child:
        pass
    server.restart()
    runstream.flush()
    experiment = runstream.get_experiment_by_name("later")
    assert experiment is not None
    for started in (run, child):
        stored = runstream.get_run(started.run_id)
        assert stored.info.experiment_id == experiment.experiment_id
    assert runstream.set_experiment("later") == experiment


def test_a_run_is_resumed_without_a_server(server: ServerProcess) -> None:
    with runstream.start_run() as run:
        pass
    kill(server)
    with runstream.start_run(run_id=run.run_id, run_name="again", tags={"resumed": True}):
        runstream.log_metric("loss", 1.0)
    server.restart()
    stored = runstream.get_run(run.run_id)
    assert (stored.info.run_name, stored.info.status) == ("again", "FINISHED")
    assert stored.data.tags["resumed"] == "True"
    assert stored.data.metrics == {"loss": 1.0}


def test_what_the_server_refuses_later_is_raised_by_the_next_call_for_the_run(
    server: ServerProcess,
) -> None:
    gone = runstream.set_experiment("gone")
    runstream.TrackingClient().delete_experiment(gone.experiment_id)
    kill_server_of = runstream.start_run(experiment_id="0")
    kill_server_of.end()
    os.environ.pop("RUNSTREAM_EXPERIMENT_ID")
    kill(server)
    run = runstream.start_run(experiment_id=gone.experiment_id)
    missing = runstream.start_run(run_id="f" * 32, nested=True)
    server.restart()
    for one, error in ((run, FailedPrecondition), (missing, NotFound)):
        one.client.flush_run(one.run_id, refusals=False)
        with pytest.raises(error):
            one.log_metric("loss", 1.0)
        one.release()


def test_a_process_that_gets_a_run_which_no_server_knows_starts_it_too(
    server: ServerProcess,
) -> None:
    """Whichever of both reaches the server first."""
    kill(server)
    run = runstream.start_run(run_name="shared")
    copy = pickle.loads(pickle.dumps(run))
    assert copy.unanswered_start == run.unanswered_start
    run.end()
    server.restart()
    assert runstream.get_run(run.run_id).info.run_name == "shared"


def test_reads_say_that_the_server_is_away(server: ServerProcess) -> None:
    kill(server)
    with runstream.start_run() as run:
        runstream.log_metric("loss", 1.0)
    with pytest.raises(runstream.RunstreamError, match="1 point, "):
        run.client.flush_run(run.run_id, timeout=0.5)


CAPTURING = """
import sys, time, runstream
with runstream.start_run():
    runstream.flush(); print("ready", file=sys.stderr, flush=True); sys.stdin.readline()
    run = runstream.start_run(nested=True, capture_output=True)
    print("written", flush=True)
    time.sleep(1)
    begin = time.monotonic()
    run.end()
    print(run.run_id, time.monotonic() - begin, file=sys.stderr)
"""


def test_the_end_of_a_run_whose_console_is_captured_does_not_wait_for_the_server(
    server: ServerProcess,
) -> None:
    """C3: its lines are on the disk of this machine."""
    variables = {"RUNSTREAM_TRACKING_URI": server.uri, "RUNSTREAM_EXIT_SECONDS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", CAPTURING],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | variables,
    ) as program:
        assert program.stderr
        assert program.stderr.readline() == "ready\n"
        server.kill()
        _, said = program.communicate("\n", timeout=60)
    (seconds,) = [line.split()[1] for line in said.splitlines() if line[:32].isalnum()][:1]
    assert float(seconds) < 8
