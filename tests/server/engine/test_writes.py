"""A write to a run that is sent again undoes nothing newer: row P3 of docs/behaviour.md."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from grpc import StatusCode

from runstream.v1 import run_service_pb2 as pb
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.run_pb2 import (
    FINISHED,
    KILLED,
    RUNNING,
    Dataset,
    DatasetInput,
    InputTag,
    ModelOutput,
    Run,
    RunTag,
)
from runstream.v1.run_tagging_pb2 import TagRunsRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream.v1.write_pb2 import WriteId
from runstream_service.engine.applied_writes import WRITERS
from support.api import Api, expect_refusal, make_batch
from support.server_process import ServerProcess


def write(sequence: int = 1, writer: str = "") -> WriteId:
    return WriteId(writer=writer or secrets.token_hex(16), sequence=sequence)


def get(api: Api, run_id: str) -> Run:
    return api.runs.GetRun(pb.GetRunRequest(run_id=run_id)).run


def tags(api: Api, run_id: str) -> dict[str, str]:
    found = {tag.key: tag.value for tag in get(api, run_id).data.tags}
    return {key: value for key, value in found.items() if key != "mlflow.runName"}


def set_tag(api: Api, run_id: str, value: str, key: str = "t") -> None:
    api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key=key, value=value, write=write()))


def by_set_tag(api: Api, run_id: str, name: WriteId) -> None:
    api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="t", value="old", write=name))


def by_log(api: Api, run_id: str, name: WriteId) -> None:
    api.logging.Log(LogRequest(run_id=run_id, tags=[RunTag(key="t", value="old")], write=name))


def by_stream(api: Api, run_id: str, name: WriteId) -> None:
    request = make_batch(run_id, tags=[("t", "old")])
    request.write.CopyFrom(name)
    (answer,) = api.log_batches([request])
    assert not answer.HasField("error")


def by_tag_runs(api: Api, run_id: str, name: WriteId) -> None:
    tag = RunTag(key="t", value="old")
    api.runs.TagRuns(TagRunsRequest(run_ids=[run_id], tags=[tag], write=name))


@pytest.mark.parametrize("send", [by_set_tag, by_log, by_stream, by_tag_runs])
def test_a_tag_that_is_sent_again_does_not_replace_a_newer_one(
    api: Api, send: Callable[[Api, str, WriteId], None]
) -> None:
    """P3."""
    run_id, name = api.create_run(), write()
    send(api, run_id, name)
    assert tags(api, run_id) == {"t": "old"}
    set_tag(api, run_id, "new")
    send(api, run_id, name)
    assert tags(api, run_id) == {"t": "new"}
    send(api, run_id, write())  # another write, and the last one
    assert tags(api, run_id) == {"t": "old"}


def test_a_deletion_that_is_sent_again_deletes_no_newer_tag_and_is_no_error(api: Api) -> None:
    """P3."""
    run_id = api.create_run()
    set_tag(api, run_id, "old")
    again = pb.DeleteTagRequest(run_id=run_id, key="t", write=write())
    api.runs.DeleteTag(again)
    api.runs.DeleteTag(again)
    set_tag(api, run_id, "new")
    api.runs.DeleteTag(again)
    assert tags(api, run_id) == {"t": "new"}


def test_status_end_and_name_that_are_sent_again_do_not_replace_newer_ones(api: Api) -> None:
    """P3: the answer says what the run is."""
    run_id = api.create_run()
    again = pb.UpdateRunRequest(
        run_id=run_id, status=KILLED, end_time=5, run_name="old", write=write()
    )
    api.runs.UpdateRun(again)
    api.runs.UpdateRun(
        pb.UpdateRunRequest(
            run_id=run_id, status=FINISHED, end_time=9, run_name="new", write=write()
        )
    )
    answer = api.runs.UpdateRun(again).run_info
    assert (answer.status, answer.end_time, answer.run_name) == (FINISHED, 9, "new")
    assert get(api, run_id).info == answer
    resumed = pb.UpdateRunRequest(run_id=run_id, status=RUNNING, write=write())
    api.runs.UpdateRun(resumed)
    api.runs.UpdateRun(again)
    assert get(api, run_id).info.status == RUNNING


def test_a_deletion_or_restoration_of_a_run_that_is_sent_again_changes_nothing(api: Api) -> None:
    """P3."""
    run_id = api.create_run()
    delete = pb.DeleteRunRequest(run_id=run_id, write=write())
    restore = pb.RestoreRunRequest(run_id=run_id, write=write())
    api.runs.DeleteRun(delete)
    api.runs.RestoreRun(restore)
    api.runs.DeleteRun(delete)
    assert get(api, run_id).info.lifecycle_stage == "active"
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run_id, write=write()))
    api.runs.RestoreRun(restore)
    assert get(api, run_id).info.lifecycle_stage == "deleted"


def test_inputs_outputs_and_models_that_are_sent_again_change_nothing_newer(api: Api) -> None:
    """P3."""
    run_id = api.create_run()

    def inputs(value: str, name: WriteId) -> None:
        dataset = Dataset(name="d", digest="1", source_type="local", source="{}")
        read = DatasetInput(dataset=dataset, tags=[InputTag(key="use", value=value)])
        api.runs.LogInputs(pb.LogInputsRequest(run_id=run_id, datasets=[read], write=name))

    def outputs(step: int, name: WriteId) -> None:
        models = [ModelOutput(model_id="m", step=step)]
        api.runs.LogOutputs(pb.LogOutputsRequest(run_id=run_id, models=models, write=name))

    def model(path: str, name: WriteId) -> None:
        described = json.dumps({"artifact_path": path})
        api.runs.LogModel(pb.LogModelRequest(run_id=run_id, model_json=described, write=name))

    first: dict[Any, tuple[Any, WriteId]] = {
        inputs: ("old", write()),
        outputs: (1, write()),
        model: ("a", write()),
    }
    for log, (value, name) in first.items():
        log(value, name)
    outputs(2, write())
    model("b", write())
    for log, (value, name) in first.items():
        log(value, name)
    run = get(api, run_id)
    assert [tag.value for tag in run.inputs.dataset_inputs[0].tags] == ["old"]  # P4: the first
    assert [output.step for output in run.outputs.model_outputs] == [2]
    assert tags(api, run_id) == {
        "mlflow.log-model.history": '[{"artifact_path": "a"}, {"artifact_path": "b"}]'
    }


def test_points_and_params_of_a_batch_that_is_sent_again_are_stored(api: Api) -> None:
    """P3, M4: only what stands in an order is left out."""
    run_id, writer = api.create_run(), secrets.token_hex(16)
    for sequence, step in ((2, 1), (1, 2)):
        request = make_batch(
            run_id, [("m", step, 1, 1.0)], [(f"p{step}", "1")], [("t", f"of {sequence}")]
        )
        request.write.CopyFrom(write(sequence, writer))
        api.log_batches([request])
    assert [point[1] for point in api.read_points(run_id)] == [1, 2]
    assert {param.key for param in get(api, run_id).data.params} == {"p1", "p2"}
    assert tags(api, run_id) == {"t": "of 2"}


def test_writers_do_not_hide_each_other_nor_does_one_the_runs_from_each_other(api: Api) -> None:
    writer, runs = secrets.token_hex(16), [api.create_run(), api.create_run()]
    for run_id in runs:
        for sequence in (3, 7):
            by_set_tag(api, run_id, write(sequence, writer))
    for run_id in runs:
        set_tag(api, run_id, "new")
        by_set_tag(api, run_id, write(6, writer))
        assert tags(api, run_id) == {"t": "new"}
        by_set_tag(api, run_id, write(1))
        assert tags(api, run_id) == {"t": "old"}


def test_what_was_refused_was_not_applied(api: Api) -> None:
    run_id, name = api.create_run(), write()
    deletion = pb.DeleteTagRequest(run_id=run_id, key="t", write=name)
    refused_batch = LogRequest(run_id=run_id, tags=[RunTag(key="t", value="old")], write=name)
    refused_batch.params.add(key="p", value="other")
    api.runs.LogParam(pb.LogParamRequest(run_id=run_id, key="p", value="1"))
    for _ in range(2):
        with expect_refusal(StatusCode.NOT_FOUND, "TAG_NOT_FOUND"):
            api.runs.DeleteTag(deletion)
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "PARAM_IMMUTABLE"):
            api.logging.Log(refused_batch)
    by_set_tag(api, run_id, name)
    assert tags(api, run_id) == {"t": "old"}


def test_a_write_is_known_again_after_a_restart(server: ServerProcess, api: Api) -> None:
    run_id, name = api.create_run(), write()
    by_set_tag(api, run_id, name)
    set_tag(api, run_id, "new")
    server.kill()
    server.restart()
    api.runs.GetRun(pb.GetRunRequest(run_id=run_id), wait_for_ready=True)
    by_set_tag(api, run_id, name)
    assert tags(api, run_id) == {"t": "new"}


@pytest.mark.sqlite
def test_a_run_knows_its_last_100_writers_and_they_go_with_it(
    server: ServerProcess, api: Api
) -> None:
    run_id, outbox = api.create_run(), secrets.token_hex(16)
    for number in range(WRITERS + 20):
        by_tag_runs(api, run_id, write())
        by_set_tag(api, run_id, write(number + 1, outbox))
    with closing(sqlite3.connect(server.database)) as database:
        assert database.execute("SELECT count(*) FROM write").fetchone() == (WRITERS,)
        by_set_tag(api, run_id, write(WRITERS + 30, outbox))
        set_tag(api, run_id, "new")
        by_set_tag(api, run_id, write(WRITERS + 30, outbox))
        assert tags(api, run_id)["t"] == "new"


def test_watchers_are_not_told_what_was_left_out(api: Api) -> None:
    run_id, name = api.create_run(), write()
    by_stream(api, run_id, name)
    set_tag(api, run_id, "new")
    watching = api.watches.Watch(WatchRequest(run_ids=[run_id]))
    next(watching)
    by_stream(api, run_id, name)
    set_tag(api, run_id, "newest")
    changes = (change for answer in watching for change in answer.changes)
    told: list[str] = []
    while not told or told[-1] != "newest":
        told += [tag.value for tag in next(changes).tags]
    assert told == ["newest"]
    watching.cancel()


@pytest.mark.parametrize(
    ("name", "reason", "field"),
    [
        (WriteId(writer="x", sequence=1), "WRITER_MALFORMED", "write.writer"),
        (WriteId(sequence=1), "WRITER_MALFORMED", "write.writer"),
        (WriteId(writer="a" * 32), "SEQUENCE_OUT_OF_RANGE", "write.sequence"),
        (WriteId(writer="a" * 32, sequence=2**63), "SEQUENCE_OUT_OF_RANGE", "write.sequence"),
    ],
)
def test_a_write_id_that_breaks_its_rule_is_refused(
    api: Api, name: WriteId, reason: str, field: str
) -> None:
    run_id = api.create_run()
    with expect_refusal(StatusCode.INVALID_ARGUMENT, reason) as refusal:
        by_set_tag(api, run_id, name)
    assert refusal.metadata["field"] == field
    request = make_batch(run_id, tags=[("t", "old")])
    request.write.CopyFrom(name)
    answers = api.log_batches([request, make_batch(run_id, tags=[("t", "next")])])
    assert (answers[0].error.reason, answers[-1].answered) == (reason, 2)
    assert tags(api, run_id) == {"t": "next"}


@pytest.mark.parametrize("value", ["5", "null", "x", '"text"', '{"a": 1}', 5_000 * "["])
def test_a_model_is_not_added_to_a_tag_that_is_no_list(api: Api, value: str) -> None:
    run_id = api.create_run()
    key = "mlflow.log-model.history"
    api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key=key, value=value))
    request = pb.LogModelRequest(run_id=run_id, model_json='{"artifact_path": "a"}')
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "MODEL_HISTORY_MALFORMED"):
        api.runs.LogModel(request)
    assert {tag.key: tag.value for tag in get(api, run_id).data.tags}[key] == value
