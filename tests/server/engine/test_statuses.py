"""The store knows the statuses of the contract without its messages."""

from __future__ import annotations

from runstream.v1 import logged_model_pb2, run_pb2
from runstream_service.engine.statuses import LoggedModelStatus, RunStatus


def test_the_statuses_of_the_store_are_those_of_the_contract() -> None:
    of_runs, of_models = run_pb2.RunStatus.items(), logged_model_pb2.LoggedModelStatus.items()
    assert [(status.name, status.value) for status in RunStatus] == of_runs[1:]
    assert [(status.name, status.value) for status in LoggedModelStatus] == of_models[1:]
