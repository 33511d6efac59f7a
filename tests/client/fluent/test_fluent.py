"""A run is started, logged to, nested, resumed and ended by functions (R5, R6)."""

from __future__ import annotations

import re
import subprocess
import sys

import grpc
import pytest

import runstream
from runstream import ActiveRun, FailedPrecondition, InvalidArgument, NotFound, TrackingClient
from runstream.process.source_tags import find_source_tags
from runstream.v1.logged_model_service_pb2 import GetLoggedModelRequest
from runstream.v1.logged_model_service_pb2_grpc import LoggedModelServiceStub
from support.server_process import ENVIRONMENT, ServerProcess

pytestmark = pytest.mark.usefixtures("tracking")


def test_a_run_is_logged_and_read_back(server: ServerProcess) -> None:
    with runstream.start_run(run_name="first", tags={"team": "a"}, description="# Notes") as run:
        assert runstream.active_run() is run
        assert run.info.status == "RUNNING"
        runstream.log_param("lr", 0.1)
        runstream.log_params({"depth": 3})
        for step in range(10):
            runstream.log_metric("loss", 1 / (step + 1), step=step)
        runstream.log_metrics({"a": 1, "b": 2}, step=3, timestamp=17)
        runstream.set_tag("t", 1)
        runstream.set_tags({"u": 2})
    assert runstream.active_run() is None
    stored = runstream.get_run(run.info.run_id)
    assert stored.info == run.info
    assert (stored.info.status, stored.info.run_name) == ("FINISHED", "first")
    assert stored.info.end_time is not None
    assert stored.data == run.data
    assert stored.data.metrics == {"loss": 0.1, "a": 1.0, "b": 2.0}
    assert stored.data.params == {"lr": "0.1", "depth": "3"}
    assert stored.data.tags.items() >= {"team": "a", "t": "1", "u": "2"}.items()
    assert stored.data.tags["mlflow.note.content"] == "# Notes"
    assert runstream.get_tracking_uri() == server.uri


def test_a_run_carries_the_tags_that_say_where_it_comes_from() -> None:
    """R3, R4."""
    with runstream.start_run() as run:
        pass
    tags = run.data.tags
    assert tags.items() >= find_source_tags().items()
    assert run.info.user_id == tags["mlflow.user"]
    assert tags["mlflow.runName"] == run.info.run_name
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", run.info.run_name)


def test_tags_of_the_caller_stand_before_those_found_out() -> None:
    with runstream.start_run(tags={"mlflow.source.name": "mine", "mlflow.runName": "n"}) as run:
        pass
    assert run.data.tags["mlflow.source.name"] == "mine"
    assert run.info.run_name == "n"
    with pytest.raises(InvalidArgument, match="description"):
        runstream.start_run(description="a", tags={"mlflow.note.content": "b"})
    with pytest.raises(InvalidArgument):
        runstream.start_run(run_name="a", tags={"mlflow.runName": "b"})


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "FINISHED")],
)
def test_a_block_that_fails_ends_its_run_as_what_ended_it(
    error: type[BaseException], status: str
) -> None:
    """R5."""
    with pytest.raises(error), runstream.start_run() as run:  # noqa: PT012
        runstream.log_metric("loss", 1.0)
        raise error
    assert run.info.status == status
    assert run.data.metrics == {"loss": 1.0}


def test_logging_without_an_active_run_starts_one() -> None:
    runstream.log_metric("loss", 1.0)
    run = runstream.active_run()
    assert run is not None
    runstream.log_param("lr", 1)
    assert runstream.active_run() is run
    runstream.end_run("KILLED")
    assert run.info.status == "KILLED"
    assert (run.data.metrics, run.data.params) == ({"loss": 1.0}, {"lr": "1"})
    runstream.set_tag("t", 1)
    assert runstream.active_run() is not run


def test_end_run_without_an_active_run_does_nothing() -> None:
    runstream.end_run()


def test_a_second_run_must_be_nested() -> None:
    with runstream.start_run() as run:
        with pytest.raises(FailedPrecondition, match=f"{run.info.run_id} is already active"):
            runstream.start_run()
        assert runstream.active_run() is run


def test_nested_runs_know_their_parent() -> None:
    with runstream.start_run() as parent:
        with runstream.start_run(nested=True) as child:
            runstream.log_metric("inner", 1.0)
            with runstream.start_run(nested=True) as grandchild:
                pass
        runstream.log_metric("outer", 1.0)
    with runstream.start_run(nested=True) as alone:  # fine, as in MLflow
        pass
    with runstream.start_run(parent_run_id=parent.info.run_id) as adopted:
        pass
    assert parent.data.metrics == {"outer": 1.0}
    assert child.data.metrics == {"inner": 1.0}
    for run, expected in (
        (parent, None),
        (child, parent),
        (grandchild, child),
        (alone, None),
        (adopted, parent),
    ):
        found = runstream.get_parent_run(run.info.run_id)
        assert (found and found.info) == (expected and expected.info)


def test_a_parent_must_be_there_and_active() -> None:
    with pytest.raises(NotFound):
        runstream.start_run(parent_run_id="f" * 32)
    with runstream.start_run() as parent:
        pass
    runstream.TrackingClient().delete_run(parent.info.run_id)
    with pytest.raises(FailedPrecondition):
        runstream.start_run(parent_run_id=parent.info.run_id)


def test_a_run_is_resumed_by_its_id() -> None:
    with runstream.start_run() as run:
        runstream.log_metric("loss", 1.0, step=1)
    with runstream.start_run(run.info.run_id, tags={"again": "yes"}, run_name="new") as again:
        assert again.info.run_id == run.info.run_id
        assert (again.info.status, again.info.end_time) == ("RUNNING", None)
        assert again.info.run_name == "new"
        runstream.log_metric("loss", 2.0, step=2)
    assert again.info.status == "FINISHED"
    assert again.data.metrics == {"loss": 2.0}
    assert again.data.tags["again"] == "yes"
    with pytest.raises(NotFound):
        runstream.start_run("f" * 32)
    with pytest.raises(InvalidArgument, match="belongs to experiment 0"):
        runstream.start_run(run.info.run_id, experiment_id="7")


def test_child_runs_are_deleted_with_their_parent_if_asked() -> None:
    """R2: those that were logged just now, too."""
    with runstream.start_run() as parent, runstream.start_run(nested=True) as child:
        grandchild = child._client.create_run().info.run_id
        child._client.set_tag(grandchild, "mlflow.parentRunId", child.info.run_id)
        family = [parent.info.run_id, child.info.run_id, grandchild]
        runstream.delete_run(family[0], with_children=True)
        assert {runstream.get_run(run_id).info.lifecycle_stage for run_id in family} == {"deleted"}
        runstream.restore_run(family[0])
    assert {runstream.get_run(run_id).info.lifecycle_stage for run_id in family} == {"active"}


def test_the_last_run_is_remembered() -> None:
    with runstream.start_run() as run:
        runstream.log_metric("loss", 1.0)
    last = runstream.last_active_run()
    assert last is not None
    assert last.info == run.info
    assert last.data.metrics == {"loss": 1.0}


def test_delete_tag_deletes_a_tag_of_the_active_run() -> None:
    with runstream.start_run() as run:
        runstream.set_tag("t", 1)
        runstream.delete_tag("t")
        assert "t" not in run.data.tags
        runstream.set_tag("t", 2)  # in the order of the program
        assert run.data.tags["t"] == "2"


def test_a_deletion_of_a_tag_that_is_not_there_is_raised_by_the_next_call() -> None:
    """P3."""
    with runstream.start_run() as run:
        runstream.delete_tag("t")
        with pytest.raises(NotFound, match=f"No tag with name: t in run with id {run.run_id}"):
            runstream.flush()
        with pytest.raises(InvalidArgument):
            runstream.delete_tag("\n")


def refuse_a_param(run: ActiveRun) -> None:
    """Return when it is known that the server has refused a param of the run."""
    runstream.TrackingClient().log(run.info.run_id, params={"lr": 1})
    run.log_param("lr", 2)
    run.client.flush_run(run.run_id, refusals=False)


def test_what_the_server_refused_is_raised_by_end_run_and_the_run_has_ended() -> None:
    run = runstream.start_run()
    refuse_a_param(run)
    with pytest.raises(InvalidArgument, match=rf"{run.info.run_id}.*lr"):
        runstream.end_run()
    assert runstream.active_run() is None
    assert runstream.get_run(run.info.run_id).info.status == "FINISHED"


def test_what_the_server_refuses_after_the_end_is_logged_at_once_and_raised_by_flush(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with runstream.start_run() as run:
        runstream.TrackingClient().log(run.info.run_id, params={"lr": 1})
        run.log_param("lr", 2)
    with pytest.raises(InvalidArgument, match=rf"{run.info.run_id}.*lr"):
        runstream.flush()
    errors = [entry.getMessage() for entry in caplog.records if entry.levelname == "ERROR"]
    assert len(errors) == 1
    assert run.run_id in errors[0]
    assert "\n" not in errors[0]
    runstream.flush()  # it is raised once


def test_an_error_of_the_block_is_not_hidden_by_a_refusal() -> None:
    run = runstream.start_run()

    def fail() -> None:
        with run:
            refuse_a_param(run)
            raise ZeroDivisionError

    with pytest.warns(RuntimeWarning, match="lr"), pytest.raises(ZeroDivisionError):
        fail()
    assert run.info.status == "FAILED"


def test_flush_makes_what_was_logged_durable(server: ServerProcess) -> None:
    with runstream.start_run() as run:
        runstream.log_metric("loss", 1.0)
        runstream.flush()
        server.kill()
        server.restart()
        assert run.data.metrics == {"loss": 1.0}


# The end of the program
PROGRAM = """
import sys, threading, runstream
run = runstream.start_run()
print(run.info.run_id, flush=True)
runstream.log_param("lr", 0.1)
for step in range(1000): runstream.log_metric("loss", 1.0, step=step)
with runstream.start_run(nested=True) as ended:
    print(ended.info.run_id, flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", "FINISHED"),
        ("sys.exit(3)", "FAILED"),
        ("1 / 0", "FAILED"),
        ("raise KeyboardInterrupt", "KILLED"),
    ],
)
def test_a_run_left_open_ends_with_the_program(
    end: str, status: str, server: ServerProcess
) -> None:
    """R5."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        check=False,
    )
    open_run, ended_run = map(runstream.get_run, result.stdout.split())
    assert open_run.info.status == status, result.stderr
    assert ended_run.info.status == "FINISHED"
    assert open_run.data.params == {"lr": "0.1"}
    history = runstream.TrackingClient().get_metric_history(open_run.info.run_id, "loss")
    assert len(history) == 1000
    assert "runstream:" not in result.stderr


def test_metrics_of_a_model_are_metrics_of_the_run_and_of_the_model(
    server: ServerProcess, client: TrackingClient
) -> None:
    with runstream.start_run() as run:
        model_id = client.create_logged_model(name="m", source_run_id=run.run_id).model_id
        runstream.log_metric("accuracy", "0.5", step=1.0, model_id=model_id)
        queued = runstream.log_metrics(
            {"accuracy": 0.75, "loss": 2}, 2, synchronous=False, timestamp=17, model_id=model_id
        )
        assert queued is not None
        queued.wait()
        stored = runstream.get_run(run.run_id)
        assert stored.data.metrics == {"accuracy": 0.75, "loss": 2.0}
        with grpc.insecure_channel(server.address) as channel:
            request = GetLoggedModelRequest(model_id=model_id)
            model = LoggedModelServiceStub(channel).GetLoggedModel(request).model
        points = {(point.key, point.step, point.value) for point in model.data.metrics}
        assert points == {("accuracy", 1, 0.5), ("accuracy", 2, 0.75), ("loss", 2, 2.0)}


def test_refused_metrics_of_a_model_are_not_logged_to_the_run_either() -> None:
    with runstream.start_run() as run:
        with pytest.raises(NotFound, match="m-0000"):
            runstream.log_metric("loss", 1.0, model_id="m-" + "0" * 32)
        with pytest.raises(InvalidArgument, match=r"metrics\.loss got 'low'"):
            runstream.log_metrics({"ok": 1, "loss": "low"}, model_id="m-" + "0" * 32)
        with pytest.raises(InvalidArgument, match="does not go with model_id"):
            runstream.log_metrics({"loss": 1}, model_id="m-" + "0" * 32, on_error="skip")
        assert runstream.get_run(run.run_id).data.metrics == {}
