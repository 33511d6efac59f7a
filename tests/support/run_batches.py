"""Batches that start, change and end runs, as a client's outbox sends them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from runstream.v1.logging_service_pb2 import LogBatchRequest, RunStart, RunUpdate
from runstream.v1.run_pb2 import (
    FINISHED,
    Dataset,
    DatasetInput,
    InputTag,
    ModelInput,
    ModelOutput,
    RunTag,
)
from runstream.v1.write_pb2 import WriteId

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
