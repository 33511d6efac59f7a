"""Batches that start, change and end runs, as a client's outbox sends them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from grpc import StatusCode

from runstream.v1 import run_service_pb2 as pb
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    LogRequest,
    RunStart,
    RunUpdate,
)
from runstream.v1.run_pb2 import (
    FINISHED,
    Dataset,
    DatasetInput,
    InputTag,
    ModelInput,
    ModelOutput,
    Run,
    RunInfo,
    RunTag,
    ViewType,
)
from runstream.v1.write_pb2 import WriteId
from support.api import Api, expect_refusal

START_TIME = 1_700_000_000_000


class RunWriter:
    """Makes the batches of one run, each with the next sequence of one writer."""

    def __init__(self, run_id: str = "") -> None:
        self.run_id = run_id or secrets.token_hex(16)
        self.writer = secrets.token_hex(16)
        self.sequence = 0

    def batch(self, **fields: Any) -> LogBatchRequest:
        self.sequence += 1
        write = WriteId(writer=self.writer, sequence=self.sequence)
        return LogBatchRequest(run_id=self.run_id, write=write, **fields)

    def start(self, *tags: tuple[str, str], **fields: Any) -> LogBatchRequest:
        start = RunStart(**{"start_time": START_TIME, "user_id": "ada", **fields})
        return self.batch(start=start, tags=make_tags(tags))

    def end(self, status: Any = FINISHED, end_time: int = START_TIME + 1) -> LogBatchRequest:
        return self.batch(update=RunUpdate(status=status, end_time=end_time))


def make_tags(tags: Sequence[tuple[str, str]]) -> list[RunTag]:
    return [RunTag(key=key, value=value) for key, value in tags]


def everything(name: str = "d") -> dict[str, Any]:
    """Return the fields of what a run reads and makes."""
    dataset = Dataset(name=name, digest="1", source_type="local", source="{}")
    return {
        "datasets": [DatasetInput(dataset=dataset, tags=[InputTag(key="use", value="train")])],
        "model_inputs": [ModelInput(model_id="m-read")],
        "model_outputs": [ModelOutput(model_id="m-made", step=3)],
    }


def get(api: Api, run_id: str) -> Run:
    """Return a run as the server has it."""
    return api.runs.GetRun(pb.GetRunRequest(run_id=run_id)).run


def tags_of(run: Run) -> dict[str, str]:
    """Return the tags of a run."""
    return {tag.key: tag.value for tag in run.data.tags}


def send(api: Api, *requests: LogBatchRequest) -> list[RunInfo]:
    """Send batches, none of which may be refused; return the infos of the answers."""
    answers = api.log_batches(requests)
    assert [a.error.message for a in answers if a.HasField("error")] == []
    return [info for answer in answers for info in answer.run_infos]


def refusal(api: Api, request: LogBatchRequest) -> tuple[str, str]:
    """Return the code and the reason by which a batch is refused, on the stream and alone."""
    (answer,) = api.log_batches([request])
    assert not answer.run_infos
    (code,) = [code for code in StatusCode if code.value[0] == answer.error.code]
    with expect_refusal(code, answer.error.reason):
        api.logging.Log(as_log_request(request))
    return code.name, answer.error.reason


def as_log_request(request: LogBatchRequest) -> LogRequest:
    """Return the request of `Log` that says the same as a batch."""
    fields = {field.name: value for field, value in request.ListFields()}
    if "metrics" in fields:
        fields["table"] = fields.pop("metrics")
    return LogRequest(**fields)


def is_there(api: Api, run_id: str) -> bool:
    """Return whether a run is found, deleted or not."""
    found = api.runs.SearchRuns(
        pb.SearchRunsRequest(filter=f"run_id = '{run_id}'", run_view_type=ViewType.ALL)
    ).runs
    return bool(found)
