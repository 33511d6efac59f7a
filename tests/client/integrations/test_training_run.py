"""The run of a training, which nothing that goes wrong with it reaches."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import runstream
from runstream.integrations.training_run import open_training_run
from runstream.transport.call_limit import limit_calls
from support.server_process import ServerProcess


@pytest.fixture(autouse=True)
def _destination(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    yield
    while runstream.active_run():
        runstream.end_run()


def test_what_breaks_a_rule_is_left_out_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    training = open_training_run(run_name="lenient")
    for step in range(3):
        training.log_metrics({"loss": 0.5, "label": "cat"}, step)
    training.log_params({"rate": 0.1})
    training.log_params({"rate": 0.2, "epochs": 3})
    circle: dict[str, object] = {}
    circle["itself"] = circle
    training.log_nested_params(circle)
    training.end()
    run = runstream.get_run(training.run.run_id)
    assert run.data.params == {"rate": "0.1", "epochs": "3"}
    assert run.data.metrics == {"loss": 0.5}
    assert run.info.status == "FINISHED"
    warnings = [record.message for record in caplog.records if record.name == "runstream"]
    assert [text for text in warnings if "label" in text] == warnings[:1]
    assert "rate" in warnings[1]
    assert "RecursionError" in warnings[2]
    assert len(warnings) == 3


def test_a_training_goes_on_when_its_server_is_gone_and_all_arrives_when_it_is_back(
    server: ServerProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = open_training_run()
    training.log_metrics({"loss": 1.0}, 0)
    server.stop()
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"0" * 1000)
    with limit_calls(0.3):
        assert training.upload(weights)  # it is kept
    training.log_metrics({"loss": 0.5}, 1)
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "what is logged meanwhile is sent when it takes it again" in warning.message
    server.restart()
    training.end("FAILED")
    run = runstream.get_run(training.run.run_id)
    assert (run.info.status, run.data.metrics) == ("FAILED", {"loss": 0.5})
    [stored] = runstream.list_artifacts(run_id=training.run.run_id)
    assert (stored.path, stored.file_size) == ("weights.bin", 1000)


def test_a_run_that_was_active_before_is_not_ended() -> None:
    with runstream.start_run() as run:
        training = open_training_run(tags={"team": "vision"})
        assert training.run is run
        training.end()
        child = open_training_run(experiment_name="children")
        assert runstream.active_run() is child.run
        child.end()
        assert runstream.active_run() is run
        assert run.read().info.status == "RUNNING"
    stored = runstream.get_run(child.run.run_id)
    assert stored.data.tags["mlflow.parentRunId"] == run.run_id
    assert stored.info.experiment_id != run.info.experiment_id
    assert run.read().data.tags["team"] == "vision"


def test_a_run_that_ended_takes_more_and_ends_again() -> None:
    training = open_training_run(run_name="two calls")
    training.end()
    first = training.run.info.end_time
    training.log_metrics({"test_loss": 0.25}, 4)
    training.end("FAILED")
    run = runstream.get_run(training.run.run_id)
    assert run.data.metrics == {"test_loss": 0.25}
    assert run.info.status == "FAILED"
    assert first is not None
    assert run.info.end_time is not None
    assert run.info.end_time >= first


def test_a_param_that_has_another_value_already_is_a_warning_and_no_refusal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with runstream.start_run() as run:
        runstream.log_param("rate", 0.1)
    resumed = open_training_run(run_id=run.run_id)
    resumed.log_params({"rate": 0.2, "epochs": 3})
    runstream.log_metric("loss", 1.0)  # raises nothing
    resumed.end()
    stored = runstream.get_run(run.run_id)
    assert stored.data.params == {"rate": "0.1", "epochs": "3"}
    assert stored.info.status == "FINISHED"
    [warning] = [record.message for record in caplog.records if "not logged" in record.message]
    assert "rate" in warning


def test_a_training_that_raised_has_failed_when_the_next_one_begins() -> None:
    failed = open_training_run(ends_failed=True)
    following = open_training_run(ends_failed=True, name="following")
    following.end()
    assert runstream.get_run(failed.run.run_id).info.status == "FAILED"
    stored = runstream.get_run(following.run.run_id)
    assert (stored.info.run_name, stored.info.status) == ("following", "FINISHED")
    assert "mlflow.parentRunId" not in stored.data.tags
