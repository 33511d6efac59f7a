"""Runs, as those see them who have grants on their experiment, and those who have none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import grpc
import pytest

from runstream.v1 import grouped_history_pb2 as grouped_pb
from runstream.v1 import logged_model_service_pb2 as model_pb
from runstream.v1 import metric_service_pb2 as metric_pb
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.access_service_pb2 import (
    DeleteGrantRequest,
    GrantRole,
    ListGrantsRequest,
)
from runstream.v1.experiment_service_pb2 import GetExperimentRequest
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    LogMetricRequest,
    LogRequest,
    RunUpdate,
)
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import DatasetInput, ModelOutput
from runstream.v1.write_pb2 import WriteId
from support.api import Api, Refusal, expect_refusal, make_batch
from support.granted_runs import READER, WRITER, Runs
from support.run_batches import RunWriter, everything

NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
NO_RUN = 32 * "0"
PARENT = "mlflow.parentRunId"


# What reads a run of an id: the name of the stub, of the method, and the request.
READS: dict[str, Callable[[Api, str], Any]] = {
    "GetRun": lambda api, run: api.runs.GetRun(pb.GetRunRequest(run_id=run)),
    "ListConsole": lambda api, run: api.runs.ListConsole(pb.ListConsoleRequest(run_id=run)),
    "GetMetricHistory": lambda api, run: api.metrics.GetMetricHistory(
        metric_pb.GetMetricHistoryRequest(run_id=run, metric_key="loss")
    ),
    "ReadMetricHistory": lambda api, run: list(
        api.metrics.ReadMetricHistory(metric_pb.ReadMetricHistoryRequest(run_id=run))
    ),
    "ReadMetricHistory of several": lambda api, run: list(
        api.metrics.ReadMetricHistory(metric_pb.ReadMetricHistoryRequest(run_ids=[run]))
    ),
    "ReadGroupedHistory": lambda api, run: api.metrics.ReadGroupedHistory(
        grouped_pb.ReadGroupedHistoryRequest(
            groups=[grouped_pb.RunSet(run_ids=[run])], metric_keys=["loss"]
        )
    ),
}

# What writes to a run.
WRITES: dict[str, Callable[[Api, str], Any]] = {
    "Log": lambda api, run: api.logging.Log(
        LogRequest(run_id=run, metrics=[LoggedMetric(key="x", value=1, timestamp=1)])
    ),
    "LogMetric": lambda api, run: api.logging.LogMetric(
        LogMetricRequest(run_id=run, key="x", value=1, timestamp=1)
    ),
    "LogParam": lambda api, run: api.runs.LogParam(
        pb.LogParamRequest(run_id=run, key="x", value="1")
    ),
    "SetTag": lambda api, run: api.runs.SetTag(pb.SetTagRequest(run_id=run, key="x", value="1")),
    "DeleteTag": lambda api, run: api.runs.DeleteTag(pb.DeleteTagRequest(run_id=run, key="team")),
    "UpdateRun": lambda api, run: api.runs.UpdateRun(
        pb.UpdateRunRequest(run_id=run, run_name="mine")
    ),
    "DeleteRun": lambda api, run: api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run)),
    "RestoreRun": lambda api, run: api.runs.RestoreRun(pb.RestoreRunRequest(run_id=run)),
    "LogInputs": lambda api, run: api.runs.LogInputs(
        pb.LogInputsRequest(run_id=run, datasets=[dataset()])
    ),
    "LogOutputs": lambda api, run: api.runs.LogOutputs(
        pb.LogOutputsRequest(run_id=run, models=[ModelOutput(model_id="m-" + 32 * "0")])
    ),
    "Log of an update": lambda api, run: api.logging.Log(
        LogRequest(run_id=run, update=RunUpdate(run_name="mine"))
    ),
    "Log of a deletion": lambda api, run: api.logging.Log(
        LogRequest(run_id=run, deleted_tags=["team"])
    ),
    "Log of inputs and outputs": lambda api, run: api.logging.Log(
        LogRequest(run_id=run, **everything())
    ),
    "LogModel": lambda api, run: api.runs.LogModel(pb.LogModelRequest(run_id=run, model_json="{}")),
}


def dataset() -> DatasetInput:
    read = DatasetInput()
    read.dataset.name, read.dataset.digest, read.dataset.source = "d", "1", "s"
    read.dataset.source_type = "local"
    return read


@pytest.mark.parametrize("call", (READS | WRITES).values(), ids=READS | WRITES)
def test_a_run_that_one_does_not_see_is_answered_like_one_that_is_not_there(
    runs: Runs, call: Callable[[Api, str], Any]
) -> None:
    before = state(runs)
    answers: list[Refusal] = []
    for run_id in (runs.run_id, NO_RUN):
        with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND") as refusal:
            call(runs.api("eve"), run_id)
        answers.append(refusal)
    of_secret, of_none = answers
    assert of_secret.message.replace(runs.run_id, NO_RUN) == of_none.message
    assert of_secret.metadata | {"value": NO_RUN} == of_none.metadata | {"value": NO_RUN}
    assert of_secret.metadata.keys() == of_none.metadata.keys()
    assert state(runs) == before


def state(runs: Runs) -> Any:
    """Return all that a run has, as an admin reads it."""
    return runs.api("root").runs.GetRun(pb.GetRunRequest(run_id=runs.run_id))


@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_a_reader_of_an_experiment_reads_its_runs(
    runs: Runs, call: Callable[[Api, str], Any]
) -> None:
    assert call(runs.api("bob"), runs.run_id) == call(runs.api("ada"), runs.run_id)


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_reader_of_an_experiment_does_not_write_to_its_runs(
    runs: Runs, call: Callable[[Api, str], Any]
) -> None:
    before = state(runs)
    runs.grant(runs.secret, "user:eve", READER)  # a writer elsewhere, and on this server
    for reader in ("bob", "eve"):
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            call(runs.api(reader), runs.run_id)
    assert state(runs) == before


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_reader_on_the_server_writes_nowhere_whatever_they_are_granted(
    runs: Runs, call: Callable[[Api, str], Any]
) -> None:
    run_id = runs.create_run("ada", runs.common)
    with expect_refusal(DENIED, "ROLE_TOO_LOW") as refusal:
        call(runs.api("bob"), run_id)
    assert "on this server" in refusal.message
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        runs.create_run("bob", runs.common)


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_writer_of_an_experiment_writes_to_its_runs(
    runs: Runs, call: Callable[[Api, str], Any]
) -> None:
    call(runs.api("ada"), runs.run_id)


def test_runs_are_created_where_one_writes_and_nowhere_else(runs: Runs) -> None:
    assert runs.create_run("eve", runs.common)
    runs.grant(runs.secret, "user:eve", READER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        runs.create_run("eve", runs.secret)


def test_an_experiment_that_one_does_not_see_is_not_there_for_new_runs(runs: Runs) -> None:
    messages = []
    for experiment_id in (runs.secret, "987654321"):
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
            runs.create_run("eve", experiment_id)
        messages.append(refusal.message.replace(experiment_id, "ID"))
    assert messages[0] == messages[1]


def test_the_id_of_a_run_that_one_does_not_see_is_taken_and_no_more_is_told(runs: Runs) -> None:
    taken = pb.CreateRunRequest(run_id=runs.run_id, experiment_id=runs.common, run_name="other")
    with expect_refusal(grpc.StatusCode.ALREADY_EXISTS, "RUN_EXISTS") as refusal:
        runs.api("eve").runs.CreateRun(taken)
    assert refusal.metadata["field"] == "experiment_id"


def test_a_run_starts_only_in_an_experiment_to_which_its_caller_writes(runs: Runs) -> None:
    name = runs.api("root").experiments.GetExperiment(
        GetExperimentRequest(experiment_id=runs.secret)
    )
    by_name = {"experiment_name": name.experiment.name}
    by_id = {"experiment_id": runs.secret}
    for who, where, reason in (
        ("eve", by_id, "EXPERIMENT_NOT_FOUND"),
        ("eve", by_name, "EXPERIMENT_NAME_TAKEN"),
        ("bob", by_id, "ROLE_TOO_LOW"),
        ("bob", by_name, "ROLE_TOO_LOW"),
        ("ada", by_id, ""),
        ("ada", by_name, ""),
    ):
        run = RunWriter()
        (answer,) = runs.api(who).log_batches([run.start(**where)])
        assert (who, answer.error.reason) == (who, reason)
        assert len(answer.run_infos) == (0 if reason else 1)
        if reason:
            with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
                runs.api("root").runs.GetRun(pb.GetRunRequest(run_id=run.run_id))


def test_a_start_with_the_id_of_a_run_that_one_does_not_see_tells_nothing_of_it(
    runs: Runs,
) -> None:
    before = state(runs)
    eve = runs.api("eve")
    taken = RunWriter(runs.run_id)
    (answer,) = eve.log_batches([taken.start(experiment_id=runs.common)])
    assert (answer.error.reason, answer.error.metadata["field"]) == ("RUN_EXISTS", "experiment_id")
    for batch in (taken.start(experiment_id=runs.secret), taken.end()):
        free = RunWriter()
        request = free.end() if batch.HasField("update") else free.start()
        request.start.experiment_id = runs.secret
        if batch.HasField("update"):
            request.ClearField("start")
        answers = eve.log_batches([batch]) + eve.log_batches([request])
        assert not any(each.run_infos for each in answers)
        texts = [a.error.message.replace(runs.run_id, free.run_id) for a in answers]
        assert texts[0] == texts[1] != ""
    assert state(runs) == before


def test_who_starts_a_run_in_a_new_experiment_owns_it(runs: Runs) -> None:
    run, name = RunWriter(), f"new {runs.common}"
    (answer,) = runs.api("eve").log_batches([run.start(experiment_name=name)])
    experiment = answer.run_infos[0].experiment_id
    grants = runs.api("eve").access.ListGrants(ListGrantsRequest(experiment_id=experiment)).grants
    owner = GrantRole.GRANT_ROLE_OWNER
    assert [(grant.grantee, grant.role) for grant in grants] == [("user:eve", owner)]
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        runs.api("bob").runs.GetRun(pb.GetRunRequest(run_id=run.run_id))


def test_what_a_stream_may_not_write_is_refused_batch_by_batch(runs: Runs) -> None:
    mine = runs.create_run("eve", runs.common)
    batches = [
        make_batch(mine, [("x", 1, 1, 1.0)]),
        make_batch(runs.run_id, [("x", 1, 1, 1.0)]),
        LogBatchRequest(run_id=runs.run_id),  # a heartbeat
        make_batch(mine, [("x", 2, 1, 1.0)]),
    ]
    answers = runs.api("eve").log_batches(batches)
    refused = [answer.error.reason for answer in answers if answer.error.reason]
    assert refused == ["RUN_NOT_FOUND", "RUN_NOT_FOUND"]
    assert answers_cover(answers) == len(batches)
    assert len(runs.api("eve").read_points(mine)) == 2
    assert runs.api("root").read_points(runs.run_id, "x") == []


def answers_cover(answers: Iterable[Any]) -> int:
    covered: int = max(answer.answered for answer in answers)
    return covered


def test_a_grant_that_is_gone_ends_what_it_allowed(runs: Runs) -> None:
    runs.grant(runs.secret, "user:eve", WRITER)
    WRITES["Log"](runs.api("eve"), runs.run_id)
    gone = DeleteGrantRequest(experiment_id=runs.secret, grantee="user:eve")
    runs.api("root").access.DeleteGrant(gone)
    for call in (WRITES["Log"], READS["GetRun"]):
        with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
            call(runs.api("eve"), runs.run_id)


def test_a_run_that_names_a_parent_is_not_deleted_with_it_by_those_who_do_not_see_it(
    runs: Runs,
) -> None:
    parent = runs.create_run("eve", runs.common)
    child = runs.create_run("ada", runs.secret, (PARENT, parent))
    own = runs.create_run("eve", runs.common, (PARENT, parent))
    delete = pb.DeleteRunRequest(run_id=parent, with_children=True)
    runs.api("eve").runs.DeleteRun(delete)
    stages = {run: stage(runs, run) for run in (parent, child, own)}
    assert stages == {parent: "deleted", child: "active", own: "deleted"}


def test_runs_that_were_deleted_with_another_are_restored_by_those_who_may_write_to_them(
    runs: Runs,
) -> None:
    parent = runs.create_run("ada", runs.common)
    child = runs.create_run("ada", runs.secret, (PARENT, parent))
    runs.api("ada").runs.DeleteRun(pb.DeleteRunRequest(run_id=parent, with_children=True))
    restore = pb.RestoreRunRequest(run_id=parent)
    runs.api("eve").runs.RestoreRun(restore)
    assert (stage(runs, parent), stage(runs, child)) == ("active", "deleted")
    runs.api("ada").runs.RestoreRun(restore)
    assert stage(runs, child) == "active"


def stage(runs: Runs, run_id: str) -> str:
    run = runs.api("root").runs.GetRun(pb.GetRunRequest(run_id=run_id)).run
    stage: str = run.info.lifecycle_stage
    return stage


def test_a_model_is_measured_by_those_who_write_to_its_experiment(runs: Runs) -> None:
    model_id = runs.api("root").create_model(runs.secret)
    mine = runs.create_run("eve", runs.common)
    point = LoggedMetric(key="x", value=1, timestamp=1, model_id=model_id)
    request = LogRequest(run_id=mine, metrics=[point])
    with expect_refusal(NOT_FOUND, "MODEL_NOT_FOUND"):
        runs.api("eve").logging.Log(request)
    runs.grant(runs.secret, "user:eve", READER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        runs.api("eve").logging.Log(request)
    assert runs.api("eve").read_points(mine) == []
    request.run_id = runs.create_run("ada", runs.common)
    runs.api("ada").logging.Log(request)
    get = model_pb.GetLoggedModelRequest(model_id=model_id)
    assert len(runs.api("root").models.GetLoggedModel(get).model.data.metrics) == 1


def test_a_repeated_write_is_checked_like_the_first(runs: Runs) -> None:
    write = WriteId(writer=32 * "a", sequence=1)
    request = pb.SetTagRequest(run_id=runs.run_id, key="team", value="blue", write=write)
    runs.api("ada").runs.SetTag(request)
    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        runs.api("eve").runs.SetTag(request)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        runs.api("bob").runs.SetTag(request)
