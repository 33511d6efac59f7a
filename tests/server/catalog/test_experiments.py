"""ExperimentService: rows E1 to E4 and X3 of docs/behaviour.md."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from runstream.v1 import experiment_service_pb2 as pb
from runstream.v1 import run_service_pb2 as runs_pb
from runstream.v1.experiment_pb2 import ExperimentTag
from runstream.v1.run_service_pb2 import SearchRunsRequest
from support.api import Api, expect_refusal, make_batch
from support.server_process import ServerProcess


def create(api: Api, name: str, **fields: object) -> str:
    request = pb.CreateExperimentRequest(name=name, **fields)  # type: ignore[arg-type]
    return api.experiments.CreateExperiment(request).experiment_id


def test_the_default_experiment_is_0_and_the_next_is_1(api: Api) -> None:
    """E1."""
    default = api.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id="0")).experiment
    assert (default.experiment_id, default.name) == ("0", "Default")
    assert default.lifecycle_stage == "active"
    assert [create(api, "a"), create(api, "b")] == ["1", "2"]


def test_an_experiment_comes_back_as_it_was_created(api: Api) -> None:
    tags = [ExperimentTag(key="team", value="vision"), ExperimentTag(key="a/b", value="")]
    experiment_id = create(api, "Größe 10 / δ", artifact_location="s3://bucket/x", tags=tags)
    by_id = api.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id=experiment_id))
    by_name = api.experiments.GetExperimentByName(
        pb.GetExperimentByNameRequest(experiment_name="Größe 10 / δ")
    )
    assert by_id.experiment == by_name.experiment
    assert by_id.experiment.artifact_location == "s3://bucket/x"
    assert {tag.key: tag.value for tag in by_id.experiment.tags} == {"team": "vision", "a/b": ""}
    assert by_id.experiment.creation_time == by_id.experiment.last_update_time > 1_600_000_000_000


def test_artifacts_are_under_the_server_unless_a_location_is_given(api: Api) -> None:
    """R6."""
    experiment_id = create(api, "plain")
    request = runs_pb.CreateRunRequest(experiment_id=experiment_id)
    run = api.runs.CreateRun(request).run.info
    assert run.artifact_uri == f"mlflow-artifacts:/{experiment_id}/{run.run_id}/artifacts"
    experiment_id = create(api, "elsewhere", artifact_location="s3://bucket/x/")
    request = runs_pb.CreateRunRequest(experiment_id=experiment_id)
    run = api.runs.CreateRun(request).run.info
    assert run.artifact_uri == f"s3://bucket/x/{run.run_id}/artifacts"


def test_a_name_is_taken_also_by_a_deleted_experiment(api: Api) -> None:
    """E2."""
    experiment_id = create(api, "taken")
    with expect_refusal(StatusCode.ALREADY_EXISTS, "EXPERIMENT_EXISTS") as refusal:
        create(api, "taken")
    assert "Experiment(name=taken) already exists" in refusal.message
    api.experiments.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=experiment_id))
    with expect_refusal(StatusCode.ALREADY_EXISTS, "EXPERIMENT_EXISTS"):
        create(api, "taken")


@pytest.mark.parametrize(
    ("name", "reason"), [("", "NAME_EMPTY"), ("  ", "NAME_EMPTY"), ("x" * 501, "VALUE_TOO_LONG")]
)
def test_a_name_has_1_to_500_characters(api: Api, name: str, reason: str) -> None:
    """E2."""
    with expect_refusal(StatusCode.INVALID_ARGUMENT, reason) as refusal:
        create(api, name)
    assert refusal.metadata["field"] == "name"
    assert create(api, "x" * 500) == "1"


def test_an_unknown_experiment_is_not_found(api: Api) -> None:
    """X3."""
    for unknown in ("7", "-1", "9" * 30):
        with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
            api.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id=unknown))
        assert refusal.message == f"No Experiment with id={unknown} exists"
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperimentByName(pb.GetExperimentByNameRequest(experiment_name="x"))


@pytest.mark.parametrize("malformed", ["", "x", "1.5", "٣", " 1"])
def test_an_experiment_id_is_an_integer(api: Api, malformed: str) -> None:  # E1
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "EXPERIMENT_ID_MALFORMED") as refusal:
        api.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id=malformed))
    text = f"Invalid experiment ID '{malformed}'. Experiment ID must be a valid integer."
    assert refusal.message == text
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "EXPERIMENT_ID_MALFORMED"):
        api.runs.SearchRuns(SearchRunsRequest(experiment_ids=["0", malformed]))


def test_renaming_keeps_names_unique(api: Api) -> None:
    create(api, "one")
    two = create(api, "two")
    with expect_refusal(StatusCode.ALREADY_EXISTS, "EXPERIMENT_EXISTS"):
        api.experiments.UpdateExperiment(
            pb.UpdateExperimentRequest(experiment_id=two, new_name="one")
        )
    for name in ("two", "three"):
        api.experiments.UpdateExperiment(
            pb.UpdateExperimentRequest(experiment_id=two, new_name=name)
        )
        found = api.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id=two))
        assert found.experiment.name == name


def test_deleting_an_experiment_deletes_its_runs_and_restoring_brings_those_back(api: Api) -> None:
    """E3."""
    experiment_id = create(api, "e")
    request = runs_pb.CreateRunRequest(experiment_id=experiment_id)
    alone, together = (api.runs.CreateRun(request).run.info.run_id for _ in range(2))
    api.runs.DeleteRun(runs_pb.DeleteRunRequest(run_id=alone))

    def stages() -> list[str]:
        return [
            api.runs.GetRun(runs_pb.GetRunRequest(run_id=run)).run.info.lifecycle_stage
            for run in (alone, together)
        ]

    api.experiments.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=experiment_id))
    assert stages() == ["deleted", "deleted"]
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "EXPERIMENT_DELETED") as refusal:
        api.runs.CreateRun(request)
    assert "must be in the 'active' state" in refusal.message
    (answer,) = api.log_batches([make_batch(together, [("loss", 1, 1, 1.0)])])
    assert answer.error.reason == "RUN_DELETED"
    assert "must be in the 'active' state" in answer.error.message
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "EXPERIMENT_DELETED"):
        api.runs.RestoreRun(runs_pb.RestoreRunRequest(run_id=together))

    api.experiments.RestoreExperiment(pb.RestoreExperimentRequest(experiment_id=experiment_id))
    assert stages() == ["deleted", "active"]


def test_deleting_twice_or_restoring_an_active_experiment_is_not_found(api: Api) -> None:
    """E3."""
    experiment_id = create(api, "e")
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.RestoreExperiment(pb.RestoreExperimentRequest(experiment_id=experiment_id))
    api.experiments.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=experiment_id))
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.DeleteExperiment(pb.DeleteExperimentRequest(experiment_id=experiment_id))


def test_tags_are_set_overwritten_and_deleted_within_their_limits(api: Api) -> None:
    """E4, M1."""
    for value in ("a", "b" * 20_000):
        api.experiments.SetExperimentTag(
            pb.SetExperimentTagRequest(experiment_id="0", key="k", value=value)
        )
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "VALUE_TOO_LONG") as refusal:
        api.experiments.SetExperimentTag(
            pb.SetExperimentTagRequest(experiment_id="0", key="k", value="b" * 20_001)
        )
    assert (refusal.metadata["field"], refusal.metadata["limit"]) == ("tags.k", "20000")
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "KEY_TOO_LONG"):
        api.experiments.SetExperimentTag(
            pb.SetExperimentTagRequest(experiment_id="0", key="k" * 251, value="")
        )
    found = api.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id="0")).experiment
    assert [(tag.key, tag.value) for tag in found.tags] == [("k", "b" * 20_000)]
    delete = pb.DeleteExperimentTagRequest(experiment_id="0", key="k")
    api.experiments.DeleteExperimentTag(delete)
    with expect_refusal(StatusCode.NOT_FOUND, "TAG_NOT_FOUND"):
        api.experiments.DeleteExperimentTag(delete)


def test_experiments_outlive_the_server(server: ServerProcess, api: Api) -> None:
    create(api, "kept")
    server.kill()
    server.restart()
    request = pb.GetExperimentByNameRequest(experiment_name="kept")
    found = api.experiments.GetExperimentByName(request, wait_for_ready=True, timeout=30)
    assert found.experiment.experiment_id == "1"
    assert create(api, "next") == "2"
