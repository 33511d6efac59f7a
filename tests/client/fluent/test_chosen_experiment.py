"""Runs start in the experiment that the program, or else the environment, chose."""

from __future__ import annotations

import os

import pytest

import runstream
from runstream import FailedPrecondition, InvalidArgument, NotFound
from support.server_process import ServerProcess

pytestmark = pytest.mark.usefixtures("tracking")


# Experiments
def test_an_experiment_is_made_when_it_is_first_chosen() -> None:
    experiment = runstream.set_experiment("sweep")
    assert runstream.set_experiment("sweep") == experiment
    assert runstream.set_experiment(experiment_id=experiment.experiment_id) == experiment
    with runstream.start_run() as run:
        runstream.set_experiment_tag("goal", "low")
    assert run.info.experiment_id == experiment.experiment_id
    with runstream.start_run(experiment_id="0") as other:
        pass
    assert other.info.experiment_id == "0"
    assert runstream.get_experiment(experiment.experiment_id).tags == {"goal": "low"}
    assert runstream.get_experiment_by_name("nothing") is None
    made = runstream.create_experiment("made", tags={"a": 1})
    assert runstream.get_experiment(made).name == "made"


def test_a_deleted_or_unknown_experiment_cannot_be_chosen() -> None:
    """E3."""
    experiment = runstream.set_experiment("old")
    runstream.TrackingClient().delete_experiment(experiment.experiment_id)
    with pytest.raises(
        FailedPrecondition, match="'old' is deleted; it must be in the active state"
    ):
        runstream.set_experiment("old")
    with pytest.raises(NotFound):
        runstream.set_experiment(experiment_id="77")
    with pytest.raises(InvalidArgument):
        runstream.set_experiment()
    with pytest.raises(InvalidArgument):
        runstream.set_experiment("a", "0")


@pytest.mark.parametrize("prefix", ["RUNSTREAM", "MLFLOW"])
def test_the_environment_chooses_the_experiment(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{prefix}_EXPERIMENT_NAME", "from the environment")
    with runstream.start_run() as run:
        pass
    name = runstream.get_experiment(run.info.experiment_id).name
    assert name == "from the environment"
    number = runstream.create_experiment("by number")
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT_ID", "")
    monkeypatch.setenv(f"{prefix}_EXPERIMENT_ID", number)
    with runstream.start_run() as run:
        pass
    assert run.info.experiment_id == number


def test_a_name_that_mlflow_chose_without_a_server_is_an_experiment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "name:wine")
    with runstream.start_run() as run:
        pass
    assert runstream.get_experiment(run.info.experiment_id).name == "wine"


def test_an_experiment_is_forgotten_with_its_server(server: ServerProcess) -> None:
    runstream.set_experiment("here")
    runstream.set_tracking_uri(f"{server.uri}/")
    assert os.environ["RUNSTREAM_EXPERIMENT_ID"] == "1"
    runstream.set_tracking_uri("grpc://127.0.0.1:1")
    assert "RUNSTREAM_EXPERIMENT_ID" not in os.environ


def test_an_experiment_that_the_environment_chose_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT_ID", "1")
    runstream.set_tracking_uri("grpc://127.0.0.1:1")
    assert os.environ["RUNSTREAM_EXPERIMENT_ID"] == "1"


def test_a_launched_run_of_another_experiment_than_the_chosen_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runstream.set_experiment("of the launch")
    with runstream.start_run() as launched:
        pass
    monkeypatch.setenv("RUNSTREAM_RUN_ID", launched.run_id)
    runstream.set_experiment("mine")
    for _ in range(2):  # it is no less wrong the second time
        with pytest.raises(InvalidArgument, match=r"'of the launch', but .* 'mine'"):
            runstream.start_run()
    runstream.set_experiment("of the launch")
    with runstream.start_run() as resumed:
        assert resumed.run_id == launched.run_id
