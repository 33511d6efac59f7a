"""MoveRuns: runs go to another experiment with what belongs to them (R10)."""

from __future__ import annotations

import secrets
from itertools import islice
from typing import Any

import grpc
import pytest

from runstream.v1.alert_pb2 import RunFailed
from runstream.v1.alert_service_pb2 import (
    CreateAlertRequest,
    CreateAlertRuleRequest,
    DeleteAlertRuleRequest,
    ListAlertRulesRequest,
    ListAlertsRequest,
)
from runstream.v1.experiment_service_pb2 import (
    DeleteExperimentRequest,
    GetActivityRequest,
)
from runstream.v1.logged_model_service_pb2 import (
    CreateLoggedModelRequest,
    GetLoggedModelRequest,
)
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_keys_pb2 import ListKeysRequest
from runstream.v1.run_moves_pb2 import MoveRunsRequest
from runstream.v1.run_pb2 import Dataset, DatasetInput, Run, RunStatus, ViewType
from runstream.v1.run_service_pb2 import (
    DeleteRunRequest,
    GetRunRequest,
    LogInputsRequest,
    RestoreRunRequest,
    SetTagRequest,
    UpdateRunRequest,
)
from runstream.v1.watch_service_pb2 import RunChange, WatchRequest
from runstream.v1.write_pb2 import WriteId
from runstream_service.catalog import run_families
from support.api import Api, expect_refusal, make_batch
from support.named_runs import NamedRuns
from support.waiting import wait_until

PARENT = "mlflow.parentRunId"


@pytest.fixture
def named(api: Api) -> NamedRuns:
    return NamedRuns(api)


def move(api: Api, to: str, *run_ids: str, write: WriteId | None = None) -> set[str]:
    request = MoveRunsRequest(run_ids=run_ids, experiment_id=to, write=write)
    return set(api.runs.MoveRuns(request).run_ids)


def get(api: Api, run_id: str) -> Run:
    return api.runs.GetRun(GetRunRequest(run_id=run_id)).run


def of(api: Api, run_id: str) -> str:
    return get(api, run_id).info.experiment_id


def activity(api: Api, *experiments: str) -> dict[str, tuple[int, int]]:
    found = api.experiments.GetActivity(GetActivityRequest(experiment_ids=experiments)).activities
    return {each.experiment_id: (each.runs, each.running) for each in found}


def test_runs_are_moved_with_all_that_they_logged_and_go_on(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    run = named.add("a", {"loss": 0.5}, {"lr": "1"}, {"team": "x"})
    stays = named.add("stays")
    api.runs.UpdateRun(UpdateRunRequest(run_id=run, status=RunStatus.FINISHED))
    before = get(api, run)  # which keeps it in memory, as it has ended
    assert move(api, other, run) == {run}
    after = get(api, run)
    assert after.info.experiment_id == other
    assert after.info.artifact_uri == before.info.artifact_uri
    after.info.experiment_id = "0"
    assert after == before
    assert named.search_names(experiment_ids=["0"]) == "stays"
    assert named.search_names("metrics.loss = 0.5", experiment_ids=[other]) == "a"
    assert named.search_names("", "metrics.loss", experiment_ids=[other]) == "a"
    assert list(api.runs.ListKeys(ListKeysRequest(experiment_ids=[other])).params) == ["lr"]
    assert activity(api, "0", other) == {"0": (1, 1), other: (1, 0)}
    api.log_batches([make_batch(run, [("loss", 2, 2, 0.25)])])
    assert get(api, run).data.metrics[0].value == 0.25
    assert move(api, other, run, stays) == {stays}  # the other one is there already
    assert activity(api, "0", other) == {other: (2, 1)}


def test_child_runs_of_the_same_experiment_go_with_their_parents(
    api: Api, named: NamedRuns
) -> None:
    here, there, third = (api.create_experiment(name) for name in ("here", "there", "third"))
    study = named.add("study", experiment_id=here)
    ids = {"study": study}
    for name, parent, experiment in (
        ("trial", "study", here),
        ("fold", "trial", here),
        ("gone", "study", here),
        ("abroad", "study", third),
        ("below", "abroad", here),
    ):
        ids[name] = named.add(name, tags={PARENT: ids[parent]}, experiment_id=experiment)
    api.runs.DeleteRun(DeleteRunRequest(run_id=ids["gone"]))
    moved = move(api, there, study, ids["fold"])
    assert moved == {ids[name] for name in ("study", "trial", "fold", "gone")}
    assert named.search_names(experiment_ids=[there]) == "study trial fold"
    assert named.search_names(experiment_ids=[there], top_level_only=True) == "study"
    assert of(api, ids["abroad"]) == third
    assert of(api, ids["below"]) == here
    api.runs.RestoreRun(RestoreRunRequest(run_id=ids["gone"]))
    found = named.search_names(experiment_ids=[there], run_view_type=ViewType.ALL)
    assert found == "study trial fold gone"
    assert move(api, here, ids["trial"]) == {ids["trial"], ids["fold"]}  # without its parent


def test_a_child_that_starts_after_the_move_is_where_its_program_says(
    api: Api, named: NamedRuns
) -> None:
    other = api.create_experiment("other")
    study = named.add("study")
    move(api, other, study)
    late = named.add("late", tags={PARENT: study})
    assert of(api, late) == "0"
    assert named.search_names(experiment_ids=["0"], top_level_only=True) == "late"
    assert move(api, other, study, late) == {late}
    assert named.search_names(experiment_ids=[other], top_level_only=True) == "study"


def test_of_a_move_that_is_refused_nothing_is_done(api: Api, named: NamedRuns) -> None:
    other, gone = api.create_experiment("other"), api.create_experiment("gone")
    run, deleted = named.add("a"), named.add("deleted")
    api.runs.DeleteRun(DeleteRunRequest(run_id=deleted))
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=gone))
    unknown = secrets.token_hex(16)
    for to, ids, code, reason in (
        (other, [run, unknown], grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"),
        (other, [run, deleted], grpc.StatusCode.FAILED_PRECONDITION, "RUN_DELETED"),
        (gone, [run], grpc.StatusCode.FAILED_PRECONDITION, "EXPERIMENT_DELETED"),
        ("999", [run], grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"),
        ("x", [run], grpc.StatusCode.INVALID_ARGUMENT, "EXPERIMENT_ID_MALFORMED"),
        (other, [], grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_OUT_OF_RANGE"),
        (other, [run] * 1_001, grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_OUT_OF_RANGE"),
        (other, [run, "x"], grpc.StatusCode.INVALID_ARGUMENT, "RUN_ID_MALFORMED"),
    ):
        with expect_refusal(code, reason):
            move(api, to, *ids)
    assert of(api, run) == "0"


@pytest.mark.sqlite
def test_more_runs_than_a_move_may_lock_are_refused(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    study = named.add("study")
    batches = []
    for _ in range(run_families.MAX_RUNS):
        batch = make_batch(secrets.token_hex(16), tags=[(PARENT, study)])
        batch.start.start_time = 1
        batches.append(batch)
    assert not any(answer.HasField("error") for answer in api.log_batches(batches))
    with expect_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_RUNS"):
        move(api, other, study)
    api.runs.SetTag(SetTagRequest(run_id=batches[0].run_id, key=PARENT, value="none"))
    assert len(move(api, other, study)) == run_families.MAX_RUNS


def test_a_move_that_is_sent_again_does_not_undo_a_newer_one(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    study = named.add("study")
    trial = named.add("trial", tags={PARENT: study})
    write = WriteId(writer=secrets.token_hex(16), sequence=1)
    assert move(api, other, study, write=write) == {study, trial}
    assert move(api, other, study, write=write) == {study, trial}
    assert move(api, "0", trial) == {trial}
    assert move(api, other, study, write=write) == {study}
    assert of(api, trial) == "0"


def dataset(digest: str, source: str) -> DatasetInput:
    about = Dataset(name="train", digest=digest, source_type="local", source=source)
    return DatasetInput(dataset=about)


def test_datasets_and_models_of_runs_go_with_them(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    run, stays, there = named.add("a"), named.add("stays"), named.add("there", experiment_id=other)
    for run_id, digest, source in (
        *((run, "1", "s1"), (run, "2", "s2"), (stays, "2", "s2")),
        (there, "1", "said before"),
    ):
        inputs = LogInputsRequest(run_id=run_id, datasets=[dataset(digest, source)])
        api.runs.LogInputs(inputs)
    models = [
        api.models.CreateLoggedModel(
            CreateLoggedModelRequest(experiment_id="0", source_run_id=source)
        ).model.info
        for source in (run, stays)
    ]
    move(api, other, run)
    found = {
        each.dataset.digest: each.dataset.source for each in get(api, run).inputs.dataset_inputs
    }
    assert found == {"1": "said before", "2": "s2"}  # what an experiment knows first stands
    assert named.search_names("datasets.digest = '2'") == "a stays"
    listed = get(api, stays).inputs.dataset_inputs
    assert [each.dataset.digest for each in listed] == ["2"]
    after = [
        api.models.GetLoggedModel(GetLoggedModelRequest(model_id=model.model_id)).model.info
        for model in models
    ]
    assert [model.experiment_id for model in after] == [other, "0"]
    assert [model.artifact_uri for model in after] == [model.artifact_uri for model in models]
    move(api, "0", run)
    inputs_now = get(api, run).inputs.dataset_inputs
    assert {each.dataset.digest for each in inputs_now} == {"1", "2"}


def test_alerts_and_rules_of_a_run_go_with_it(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    run, stays = named.add("a"), named.add("stays")
    owners: list[dict[str, Any]] = [{"run_id": run}, {"run_id": stays}, {"experiment_id": "0"}]
    for owner in owners:
        rule = CreateAlertRuleRequest(name="failed", run_failed=RunFailed(), **owner)
        api.alerts.CreateAlertRule(rule)
        api.alerts.CreateAlert(CreateAlertRequest(title="look", **owner))
    move(api, other, run)
    for experiment, runs in ((other, [run]), ("0", ["", stays])):
        rules = api.alerts.ListAlertRules(ListAlertRulesRequest(experiment_id=experiment)).rules
        assert sorted(rule.run_id for rule in rules) == runs
        found = api.alerts.ListAlerts(ListAlertsRequest(experiment_id=experiment)).alerts
        assert sorted(alert.run_id for alert in found) == runs
    api.runs.UpdateRun(UpdateRunRequest(run_id=run, status=RunStatus.FAILED))
    alerts = ListAlertsRequest(experiment_id=other)
    wait_until(lambda: len(api.alerts.ListAlerts(alerts).alerts) == 2, 20)  # judged where it is
    assert len(api.alerts.ListAlerts(ListAlertsRequest(experiment_id="0")).alerts) == 2


def test_watchers_of_both_experiments_and_of_the_run_are_told(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    run = named.add("a")
    requests = [
        WatchRequest(experiment_ids=["0"]),
        WatchRequest(experiment_ids=[other]),
        WatchRequest(run_ids=[run]),
    ]
    watches = [api.watches.Watch(request, timeout=60) for request in requests]
    for watch in watches:
        next(watch)
    move(api, other, run)
    api.runs.SetTag(SetTagRequest(run_id=run, key="later", value="1"))

    def take(watch: object, count: int) -> list[RunChange]:
        changes = (change for answer in watch for change in answer.changes)  # type: ignore[attr-defined]
        return list(islice(changes, count))

    (left,) = take(watches[0], 1)
    came, tagged = take(watches[1], 2)
    assert take(watches[2], 2) == [came, tagged]
    assert left == came
    assert (came.experiment_id, came.moved_from, came.info.experiment_id) == (other, "0", other)
    assert (tagged.experiment_id, tagged.moved_from) == (other, "")
    api.runs.SetTag(SetTagRequest(run_id=named.add("b"), key="x", value="1"))
    assert take(watches[0], 1)[0].info.run_name == "b"  # nothing more of the run that left
    for watch in watches:
        watch.cancel()


def test_a_purge_removes_what_was_moved_with_the_experiment_that_has_it(
    api: Api, named: NamedRuns
) -> None:
    first, second = api.create_experiment("first"), api.create_experiment("second")
    left, kept = (named.add(name, {"x": 1}, experiment_id=first) for name in ("left", "kept"))
    move(api, second, left)
    move(api, "0", kept)
    for experiment in (first, second):
        api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    *_, purged = api.maintenance.Purge(PurgeRequest())
    assert (purged.experiments, purged.runs, purged.points) == (2, 1, 1)
    assert of(api, kept) == "0"


def test_runs_are_not_moved_with_more_rules_for_alerts_than_an_experiment_has(
    api: Api, named: NamedRuns
) -> None:
    full = api.create_experiment("full")
    run = named.add("a")
    requests = [CreateAlertRuleRequest(run_id=run, name="r", run_failed=RunFailed())] * 2
    requests += [CreateAlertRuleRequest(experiment_id=full, name="r", run_failed=RunFailed())] * 99
    rules = [api.alerts.CreateAlertRule(request).rule for request in requests]
    write = WriteId(writer="a" * 32, sequence=1)
    for _ in range(2):
        with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "ALERT_RULES_TOO_MANY"):
            move(api, full, run, write=write)
    assert of(api, run) == "0"
    api.alerts.DeleteAlertRule(DeleteAlertRuleRequest(rule_id=rules[0].rule_id))
    assert move(api, full, run, write=write) == {run}
    assert len(api.alerts.ListAlertRules(ListAlertRulesRequest(experiment_id=full)).rules) == 100


def test_an_alert_and_a_rule_that_are_sent_again_after_a_move_are_there_once(
    api: Api, named: NamedRuns
) -> None:
    other = api.create_experiment("other")
    run = named.add("a")
    write = WriteId(writer="a" * 32, sequence=1)
    for _ in range(2):
        api.alerts.CreateAlert(CreateAlertRequest(run_id=run, title="t", write=write))
        api.alerts.CreateAlertRule(
            CreateAlertRuleRequest(run_id=run, name="r", run_failed=RunFailed(), write=write)
        )
        move(api, other, run)
    assert len(api.alerts.ListAlerts(ListAlertsRequest(experiment_id=other)).alerts) == 1
    assert len(api.alerts.ListAlertRules(ListAlertRulesRequest(experiment_id=other)).rules) == 1
