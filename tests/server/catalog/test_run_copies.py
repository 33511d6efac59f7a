"""CopyRuns: runs are copied with all that belongs to them (R11)."""

from __future__ import annotations

import secrets
from itertools import islice
from pathlib import Path

import grpc
import pytest

from runstream import TrackingClient
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDOUT, ConsoleLine
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest
from runstream.v1.logged_model_service_pb2 import CreateLoggedModelRequest
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_copies_pb2 import CopyRunsRequest
from runstream.v1.run_pb2 import Dataset, DatasetInput, InputTag, ModelOutput, Run, RunStatus
from runstream.v1.run_service_pb2 import (
    DeleteRunRequest,
    GetRunRequest,
    ListConsoleRequest,
    LogInputsRequest,
    LogOutputsRequest,
    SetTagRequest,
    UpdateRunRequest,
)
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream.v1.write_pb2 import WriteId
from support.api import Api, expect_refusal, make_batch
from support.named_runs import NamedRuns
from support.uploads import content

PARENT, COPIED = "mlflow.parentRunId", "runstream.copied_from"


@pytest.fixture
def named(api: Api) -> NamedRuns:
    return NamedRuns(api)


def new_write() -> WriteId:
    return WriteId(writer=secrets.token_hex(16), sequence=1)


def copy(api: Api, to: str, *run_ids: str, write: WriteId | None = None) -> dict[str, str]:
    """Copy runs; return the ids of the copies by those of the runs."""
    request = CopyRunsRequest(run_ids=run_ids, experiment_id=to, write=write or new_write())
    while not (answer := api.runs.CopyRuns(request, timeout=60)).done:
        assert not answer.copies
    return {each.source_run_id: each.run_id for each in answer.copies}


def finish(api: Api, *run_ids: str, status: RunStatus.ValueType = RunStatus.FINISHED) -> None:
    for run_id in run_ids:
        request = UpdateRunRequest(run_id=run_id, status=status, end_time=1_000)
        api.runs.UpdateRun(request)


def get(api: Api, run_id: str) -> Run:
    return api.runs.GetRun(GetRunRequest(run_id=run_id)).run


def tags(run: Run) -> dict[str, str]:
    return {tag.key: tag.value for tag in run.data.tags}


def test_a_copy_has_all_that_its_run_logged_and_stands_by_itself(
    api: Api, client: TrackingClient, tmp_path: Path
) -> None:
    other = api.create_experiment("other")
    source = api.create_run()
    points = [("loss", step, step, 1 / (step + 1)) for step in range(20_000)]
    nan = [("m", 1, 1, float("nan")), ("m", 1, 1, float("inf")), ("m", -5, 2, 0.5)]
    logged = make_batch(source, points + nan, [("lr", "0.1")], [("team", "x")])
    params = [make_batch(source, params=[(f"p{i}", "v" * i)]) for i in range(100)]
    assert not any(answer.HasField("error") for answer in api.log_batches([logged, *params]))
    lines = [
        ConsoleLine(stream=CONSOLE_STREAM_STDOUT, timestamp=5, text=text, writer=7)
        for text in ("one", "two")
    ]
    lines[1].sequence = 1
    api.log_batches([LogBatchRequest(run_id=source, console=lines)])
    (tmp_path / "file.txt").write_text("content")
    client.log_artifact(source, str(tmp_path / "file.txt"), "folder")
    data = Dataset(name="train", digest="1", source_type="local", source="s")
    use = DatasetInput(dataset=data, tags=[InputTag(key="mlflow.data.context", value="test")])
    api.runs.LogInputs(LogInputsRequest(run_id=source, datasets=[use]))
    finish(api, source, status=RunStatus.FAILED)
    before = get(api, source)
    history = api.read_points(source)
    copies = copy(api, other, source)
    assert list(copies) == [source]
    made = get(api, copies[source])
    assert made.info.experiment_id == other
    assert made.info.artifact_uri != before.info.artifact_uri
    assert tags(made) == tags(before) | {COPIED: source}
    for run in (made, before):
        del run.data.tags[:]
        run.info.run_id = run.info.experiment_id = run.info.artifact_uri = ""
    assert str(made) == str(before)  # a NaN is no other's equal
    assert list(map(str, api.read_points(copies[source]))) == list(map(str, history))
    shown, expected = (
        [line.text for line in api.runs.ListConsole(ListConsoleRequest(run_id=run)).lines]
        for run in (copies[source], source)
    )
    assert shown == expected == ["one", "two"]
    assert content(client, copies[source], "folder/file.txt") == b"content"
    api.runs.DeleteRun(DeleteRunRequest(run_id=source))
    list(api.maintenance.Purge(PurgeRequest()))
    assert content(client, copies[source], "folder/file.txt") == b"content"
    api.log_batches([make_batch(copies[source], [("loss", 20_000, 1, 0.0)])])
    assert len(api.read_points(copies[source], "loss")) == 20_001


def test_child_runs_are_copied_with_their_parents_and_below_their_copies(
    api: Api, named: NamedRuns
) -> None:
    there, third = api.create_experiment("there"), api.create_experiment("third")
    ids = {"study": named.add("study")}
    for name, parent, experiment in (
        ("trial", "study", "0"),
        ("fold", "trial", "0"),
        ("gone", "study", "0"),
        ("abroad", "study", third),
    ):
        ids[name] = named.add(name, tags={PARENT: ids[parent]}, experiment_id=experiment)
    finish(api, *ids.values())
    api.runs.DeleteRun(DeleteRunRequest(run_id=ids["gone"]))
    copies = copy(api, there, ids["study"], ids["fold"])
    assert set(copies) == {ids[name] for name in ("study", "trial", "fold")}
    assert named.search_names(experiment_ids=[there]) == "study trial fold"
    assert named.search_names(experiment_ids=[there], top_level_only=True) == "study"
    for child, parent in (("trial", "study"), ("fold", "trial")):
        assert tags(get(api, copies[ids[child]]))[PARENT] == copies[ids[parent]]
    alone = copy(api, "0", ids["trial"])  # without its parent, in the same experiment
    assert PARENT not in tags(get(api, alone[ids["trial"]]))
    again = copy(api, third, copies[ids["fold"]])
    assert tags(get(api, again[copies[ids["fold"]]]))[COPIED] == copies[ids["fold"]]


def test_models_of_a_run_stay_and_its_copy_names_them(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    run = named.add("a")
    request = CreateLoggedModelRequest(experiment_id="0", source_run_id=run)
    model = api.models.CreateLoggedModel(request).model.info.model_id
    outputs = [ModelOutput(model_id=model, step=3)]
    api.runs.LogOutputs(LogOutputsRequest(run_id=run, models=outputs))
    finish(api, run)
    made = get(api, copy(api, other, run)[run])
    assert list(made.outputs.model_outputs) == outputs


def test_of_a_copy_that_is_refused_nothing_is_done(api: Api, named: NamedRuns) -> None:
    other, gone = api.create_experiment("other"), api.create_experiment("gone")
    run, deleted, going_on, study = (named.add(name) for name in ("a", "deleted", "on", "study"))
    named.add("trial", tags={PARENT: study})
    finish(api, run, deleted, study)
    api.runs.DeleteRun(DeleteRunRequest(run_id=deleted))
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=gone))
    unknown = secrets.token_hex(16)
    failed = grpc.StatusCode.FAILED_PRECONDITION
    for to, ids, code, reason in (
        (other, [run, unknown], grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"),
        (other, [run, deleted], failed, "RUN_DELETED"),
        (other, [run, going_on], failed, "RUN_GOES_ON"),
        (other, [run, study], failed, "RUN_GOES_ON"),
        (gone, [run], failed, "EXPERIMENT_DELETED"),
        ("999", [run], grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"),
        ("x", [run], grpc.StatusCode.INVALID_ARGUMENT, "EXPERIMENT_ID_MALFORMED"),
        (other, [], grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_OUT_OF_RANGE"),
        (other, [run] * 1_001, grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_OUT_OF_RANGE"),
        (other, [run, "x"], grpc.StatusCode.INVALID_ARGUMENT, "RUN_ID_MALFORMED"),
    ):
        with expect_refusal(code, reason):
            copy(api, to, *ids)
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "WRITE_MISSING"):
        api.runs.CopyRuns(CopyRunsRequest(run_ids=[run], experiment_id=other))
    assert named.search_names(experiment_ids=[other]) == ""


def test_a_copy_that_is_sent_again_is_there_once(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    study = named.add("study")
    trial = named.add("trial", tags={PARENT: study})
    finish(api, study, trial)
    write = new_write()
    copies = copy(api, other, study, write=write)
    for key in ("a", "b"):  # also once the run has changed
        assert copy(api, other, study, write=write) == copies
        api.runs.SetTag(SetTagRequest(run_id=study, key=key, value="1"))
    assert named.search_names(experiment_ids=[other]) == "study trial"
    assert copy(api, other, study) != copies
    assert named.search_names(experiment_ids=[other]) == "study study trial trial"


def test_watchers_are_told_of_copies(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    run = named.add("a", {"loss": 0.5})
    finish(api, run)
    watch = api.watches.Watch(WatchRequest(experiment_ids=[other]), timeout=60)
    next(watch)
    copies = copy(api, other, run)
    (change,) = islice((change for answer in watch for change in answer.changes), 1)
    assert (change.run_id, change.info.run_name) == (copies[run], "a")
    watch.cancel()
