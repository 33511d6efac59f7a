"""Runs, as those see them who have grants on their experiment, and those who have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
    SetGrantRequest,
)
from runstream.v1.console_pb2 import ConsoleLine, ConsoleStream
from runstream.v1.experiment_service_pb2 import GetExperimentRequest
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    LogMetricRequest,
    LogRequest,
    RunUpdate,
)
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_groups_pb2 import GroupRunsRequest
from runstream.v1.run_pb2 import DatasetInput, ModelOutput, RunTag
from runstream.v1.write_pb2 import WriteId
from support.access import GuardedServer
from support.api import Api, Refusal, expect_refusal, make_batch
from support.run_batches import RunWriter, everything

NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
READER, WRITER = GrantRole.GRANT_ROLE_READER, GrantRole.GRANT_ROLE_WRITER
NO_RUN = 32 * "0"

EVERYBODY = "group:everyone"
PARENT = "mlflow.parentRunId"


@dataclass(frozen=True)
class Runs:
    """A run to which Ada writes and which Bob reads, and an experiment where everybody writes.

    Attributes:
        secret: the experiment of the run.
        run_id: the run; its param and tag are found by searches.
        common: the other experiment, without runs.
    """

    guarded: GuardedServer
    secret: str
    run_id: str
    common: str

    def api(self, name: str) -> Api:
        return self.guarded.apis[name]

    def grant(self, experiment_id: str, grantee: str, role: Any) -> None:
        request = SetGrantRequest(experiment_id=experiment_id, grantee=grantee, role=role)
        self.api("root").access.SetGrant(request)

    def create_run(self, name: str, experiment_id: str, *tags: tuple[str, str]) -> str:
        request = pb.CreateRunRequest(
            experiment_id=experiment_id, tags=[RunTag(key=key, value=value) for key, value in tags]
        )
        run_id: str = self.api(name).runs.CreateRun(request).run.info.run_id
        return run_id


@pytest.fixture
def runs(guarded: GuardedServer, request: pytest.FixtureRequest) -> Runs:
    root = guarded.apis["root"]
    test = request.node.nodeid
    made = Runs(guarded, root.create_experiment(f"{test} s"), "", root.create_experiment(test))
    made.grant(made.secret, "user:ada", WRITER)
    made.grant(made.secret, "user:bob", READER)
    made.grant(made.common, EVERYBODY, WRITER)
    made = replace(made, run_id=made.create_run("ada", made.secret))
    batch = make_batch(made.run_id, [("loss", 1, 2, 0.5)], [("lr", "0.1")], [("team", "red")])
    batch.console.append(
        ConsoleLine(stream=ConsoleStream.CONSOLE_STREAM_STDOUT, timestamp=1, text="hello", writer=1)
    )
    assert [answer.error.reason for answer in made.api("ada").log_batches([batch])] == [""]
    return made


def pages(call: Callable[[Any], Any], request: Any) -> list[str]:
    return [run.info.run_id for run in call(request).runs]


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


@pytest.mark.parametrize("experiments", ["none", "both", "secret"])
@pytest.mark.parametrize(
    "text", ["", "params.lr = '0.1'", "metrics.loss < 1", "tags.team = 'red'", "status = 'RUNNING'"]
)
def test_searches_and_counts_find_only_what_one_sees(
    runs: Runs, experiments: str, text: str
) -> None:
    ids = {"none": [], "both": [runs.common, runs.secret], "secret": [runs.secret]}[experiments]
    for name, sees in (("eve", False), ("bob", True), ("ada", True)):
        for order in ([], ["metrics.loss"], ["params.lr DESC"], ["attributes.run_name"]):
            search = pb.SearchRunsRequest(experiment_ids=ids, filter=text, order_by=order)
            found = runs.api(name).runs.SearchRuns(search).runs
            assert (runs.run_id in [run.info.run_id for run in found]) == sees
        counted = runs.api(name).runs.CountRuns(
            pb.CountRunsRequest(experiment_ids=ids, filter=text)
        )
        assert counted.count == len(found)
        grouping = GroupRunsRequest(experiment_ids=ids, filter=text, by=["params.lr"])
        grouped = runs.api(name).runs.GroupRuns(grouping)
        assert grouped.run_count == len(found)
        rates = Counter(param.value for run in found for param in run.data.params)
        told = {group.values[0].value: group.run_count for group in grouped.groups}
        assert told.get("0.1", 0) == rates["0.1"]


def test_keys_are_listed_only_of_what_one_sees(runs: Runs) -> None:
    request = pb.ListKeysRequest(experiment_ids=[runs.common, runs.secret])
    assert runs.api("bob").runs.ListKeys(request).params == ["lr"]
    assert runs.api("eve").runs.ListKeys(request) == pb.ListKeysResponse()


def test_values_and_hints_are_those_of_what_one_sees(runs: Runs) -> None:
    ids = [runs.common, runs.secret]
    values = pb.ListValuesRequest(experiment_ids=ids, key="params.lr")
    hints = pb.GetFilterHintsRequest(experiment_ids=ids, filter="params.LR = 'x'")
    assert len(runs.api("bob").runs.ListValues(values).values) == 1
    assert runs.api("bob").runs.GetFilterHints(hints).hints[0].similar == ["params.lr"]
    assert runs.api("eve").runs.ListValues(values) == pb.ListValuesResponse()
    assert not runs.api("eve").runs.GetFilterHints(hints).hints[0].similar


def test_histories_of_several_runs_leave_out_those_that_one_does_not_see(runs: Runs) -> None:
    mine = runs.create_run("eve", runs.common)
    WRITES["LogMetric"](runs.api("eve"), mine)
    ids = [runs.run_id, mine]
    for key, found in (("x", [mine]), ("loss", [])):
        bulk = metric_pb.GetMetricHistoryBulkRequest(run_id=ids, metric_key=key)
        thinned = metric_pb.GetMetricHistoryBulkIntervalRequest(run_ids=ids, metric_key=key)
        metrics = runs.api("eve").metrics
        assert [point.run_id for point in metrics.GetMetricHistoryBulk(bulk).metrics] == found
        answer = metrics.GetMetricHistoryBulkInterval(thinned)
        assert [point.run_id for point in answer.metrics] == found


def test_a_page_token_is_good_for_the_one_who_got_it(runs: Runs) -> None:
    for _ in range(2):
        runs.create_run("ada", runs.common)
    search = pb.SearchRunsRequest(experiment_ids=[runs.common], max_results=1)
    search.page_token = runs.api("ada").runs.SearchRuns(search).next_page_token
    assert len(pages(runs.api("ada").runs.SearchRuns, search)) == 1
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        runs.api("eve").runs.SearchRuns(search)


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


def test_child_runs_that_one_does_not_see_are_not_counted_and_parents_hide_nothing(
    runs: Runs,
) -> None:
    seen = runs.create_run("ada", runs.common)
    runs.create_run("ada", runs.secret, (PARENT, seen))
    orphan = runs.create_run("ada", runs.common, (PARENT, runs.run_id))
    search = pb.SearchRunsRequest(top_level_only=True, with_child_counts=True)
    for name, counted, is_top in (("eve", 0, True), ("ada", 1, False)):
        found = {r.info.run_id: r.child_count for r in runs.api(name).runs.SearchRuns(search).runs}
        assert found[seen] == counted
        assert (orphan in found) == is_top


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
