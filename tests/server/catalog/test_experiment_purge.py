"""PurgeExperiment: an owner empties the bin of an experiment (E6)."""

from __future__ import annotations

import grpc
import pytest

from runstream.v1.experiment_purge_pb2 import PurgeExperimentRequest, PurgeExperimentResponse
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest, RestoreExperimentRequest
from runstream.v1.logged_model_service_pb2 import CreateLoggedModelRequest
from runstream.v1.maintenance_service_pb2 import PurgeResponse
from runstream.v1.run_service_pb2 import DeleteRunRequest, GetRunRequest, RestoreRunRequest
from runstream_service.care import experiment_purge
from support.api import Api, expect_refusal, make_batch
from support.artifacts import upload
from support.named_runs import NamedRuns
from support.purging import (
    create_full_run,
    delete_experiment,
    delete_runs,
    purge,
    read_run_and_points,
    visible_run_ids,
)

NOT_FOUND = grpc.StatusCode.NOT_FOUND
Removed = PurgeExperimentResponse


def ask(api: Api, experiment_id: str, *run_ids: str, dry_run: bool = False) -> Removed:
    request = PurgeExperimentRequest(experiment_id=experiment_id, run_ids=run_ids, dry_run=dry_run)
    return api.maintenance.PurgeExperiment(request, timeout=60)


def remove_all(api: Api, experiment_id: str, *run_ids: str) -> Removed:
    """Call until all is done; return the sum of what was removed."""
    total = Removed()
    while not total.done:
        answer = ask(api, experiment_id, *run_ids)
        total.done = answer.done
        total.with_experiment |= answer.with_experiment
        for field in ("runs", "points", "artifacts", "artifact_bytes", "logged_models"):
            setattr(total, field, getattr(total, field) + getattr(answer, field))
    return total


def test_the_deleted_runs_of_an_experiment_go_and_nothing_else(api: Api) -> None:
    other = api.create_experiment("other")
    kept, gone, elsewhere = (create_full_run(api, e) for e in ("0", "0", other))
    alone = read_run_and_points(api, kept)
    delete_runs(api, gone, elsewhere)
    api.create_run()
    said = Removed(runs=1, points=20, artifacts=1, artifact_bytes=32)
    assert ask(api, "0", dry_run=True) == said
    assert {kept, gone, elsewhere} <= visible_run_ids(api)
    said.done = True
    assert remove_all(api, "0") == said
    assert ask(api, "0", dry_run=True) == ask(api, "0") == Removed(done=True)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.GetRun(GetRunRequest(run_id=gone))
    assert read_run_and_points(api, kept) == alone
    assert purge(api, dry_run=True) == PurgeResponse(
        runs=1,
        points=20,
        artifacts=1,
        artifact_bytes=32,  # of the other experiment
    )


def test_nobody_finds_what_is_hidden_by_its_number(api: Api) -> None:
    delete_runs(api, api.create_run())
    assert remove_all(api, "0").runs == 1  # it keeps its number from others
    for number in range(3):
        run_id = f"purged {number}"
        for call in (
            lambda run_id=run_id: api.runs.GetRun(GetRunRequest(run_id=run_id)),
            lambda run_id=run_id: api.runs.RestoreRun(RestoreRunRequest(run_id=run_id)),
        ):
            with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
                call()


@pytest.fixture
def named(api: Api) -> NamedRuns:
    return NamedRuns(api)


def test_runs_that_are_named_go_with_their_deleted_child_runs(api: Api, named: NamedRuns) -> None:
    tags = {"mlflow.parentRunId": named.add("study", {"loss": 1})}
    study = tags["mlflow.parentRunId"]
    trial, active = (named.add(name, {"loss": 1}, tags=tags) for name in ("trial", "active"))
    apart = named.add("apart")
    for run_id, data in ((study, b"s" * 10), (trial, b"t" * 20), (apart, b"a" * 40)):
        upload(api, run_id, "file.bin", data)
        upload(api, run_id, "shared.bin", b"which another run has, too")
    api.runs.DeleteRun(DeleteRunRequest(run_id=study, with_children=True))
    delete_runs(api, apart)
    api.runs.RestoreRun(RestoreRunRequest(run_id=active))
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "RUN_ACTIVE"):
        ask(api, "0", study, active)
    said = Removed(runs=2, points=2, artifacts=2, artifact_bytes=30)
    assert ask(api, "0", study, "0" * 32, dry_run=True) == said
    said.done = True
    assert remove_all(api, "0", study) == said
    assert visible_run_ids(api) == {active, apart}
    assert ask(api, "0", study) == Removed(done=True)  # as when its answer was lost


def test_a_deleted_experiment_goes_with_all_that_is_in_it(api: Api) -> None:
    gone, other = api.create_experiment("gone"), api.create_experiment("other")
    create_full_run(api, gone)
    kept = create_full_run(api, other)
    model = CreateLoggedModelRequest(experiment_id=gone)
    api.models.CreateLoggedModel(model)
    delete_experiment(api, gone)
    api.create_run()
    said = Removed(
        with_experiment=True, runs=1, points=20, artifacts=1, artifact_bytes=32, logged_models=1
    )
    assert ask(api, gone, dry_run=True) == said
    said.done = True
    assert remove_all(api, gone) == said
    assert api.create_experiment("gone")  # the name is free
    for call in (
        lambda: api.experiments.RestoreExperiment(RestoreExperimentRequest(experiment_id=gone)),
        lambda: ask(api, gone),
    ):
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            call()
    assert kept in visible_run_ids(api)
    assert purge(api, dry_run=True) == PurgeResponse()


def test_experiments_go_one_after_the_other_each_the_newest(api: Api) -> None:
    used = set()
    for _ in range(3):
        experiment = api.create_experiment("again")
        api.create_run(experiment)
        used.add(experiment)
        delete_experiment(api, experiment)
        assert remove_all(api, experiment) == Removed(done=True, with_experiment=True, runs=1)
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            ask(api, experiment)
    assert len(used) == 3
    assert visible_run_ids(api) == set()


def test_default_stays_and_so_does_what_is_active(api: Api) -> None:
    run_id = api.create_run()
    assert remove_all(api, "0") == Removed(done=True)
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id="0"))
    api.create_run(api.create_experiment("other"))
    assert remove_all(api, "0") == Removed(done=True, runs=1)
    api.experiments.RestoreExperiment(RestoreExperimentRequest(experiment_id="0"))
    assert run_id not in visible_run_ids(api)
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        ask(api, "999")
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_OUT_OF_RANGE"):
        ask(api, "0", *[run_id] * (experiment_purge.MAX_NAMED + 1))


def test_what_takes_longer_than_a_call_is_removed_by_several_and_is_hidden_at_once(
    api: Api,
) -> None:
    points = [("loss", step, step, 0.5) for step in range(20_000)]
    runs = [api.create_run() for _ in range(150)]
    api.log_batches(make_batch(run_id, points) for run_id in runs)
    delete_runs(api, *runs)
    api.create_run()
    first = ask(api, "0")
    assert first.runs == len(runs)
    assert not visible_run_ids(api) & set(runs)
    rest = Removed(done=True) if first.done else remove_all(api, "0")
    assert rest.runs == 0
    assert first.points + rest.points == len(runs) * len(points)
