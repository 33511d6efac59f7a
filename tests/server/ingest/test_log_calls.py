"""The unary twins of the stream: Log and LogMetric."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from runstream.v1.logging_service_pb2 import LogMetricRequest, LogRequest
from runstream.v1.metric_pb2 import LoggedMetric, MetricTable
from runstream.v1.run_pb2 import Param, RunTag
from runstream.v1.run_service_pb2 import GetRunRequest
from support.api import Api, expect_refusal
from support.server_process import ServerProcess


def test_rows_and_table_of_a_call_are_on_disk_when_it_returns(
    server: ServerProcess, api: Api
) -> None:
    run_id = api.create_run()
    api.logging.Log(
        LogRequest(
            run_id=run_id,
            metrics=[
                LoggedMetric(key="a", step=1, timestamp=1, value=1.0),
                LoggedMetric(key="c", step=1, timestamp=1, value=3.0),
            ],
            table=MetricTable(
                keys=["b", "a"], counts=[1, 1], step=[1, 2], timestamp=[1, 2], value=[2.0, 1.5]
            ),
            params=[Param(key="p", value="1")],
            tags=[RunTag(key="t", value="x")],
        )
    )
    server.kill()
    server.restart()
    run = api.runs.GetRun(GetRunRequest(run_id=run_id), wait_for_ready=True, timeout=30).run
    assert api.read_points(run_id) == [
        ("a", 1, 1, 1.0),
        ("a", 2, 2, 1.5),
        ("b", 1, 1, 2.0),
        ("c", 1, 1, 3.0),
    ]
    assert [(p.key, p.value) for p in run.data.params] == [("p", "1")]
    assert ("t", "x") in [(t.key, t.value) for t in run.data.tags]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (LogRequest(metrics=[LoggedMetric(key="a", timestamp=-1)]), "TIMESTAMP_OUT_OF_RANGE"),
        (LogRequest(metrics=[LoggedMetric(key="a/")]), "KEY_MALFORMED"),
        (
            LogRequest(metrics=[LoggedMetric(key="a")], table=MetricTable(keys=["a"], counts=[1])),
            "METRIC_TABLE_MALFORMED",
        ),
        (LogRequest(params=[Param(key="p", value="2")]), "PARAM_IMMUTABLE"),
    ],
)
def test_a_bad_call_changes_nothing(api: Api, request_: LogRequest, reason: str) -> None:
    """P5."""
    run_id = api.create_run()
    api.logging.Log(LogRequest(run_id=run_id, params=[Param(key="p", value="1")]))
    before = api.runs.GetRun(GetRunRequest(run_id=run_id)).run
    request = LogRequest(
        run_id=run_id,
        metrics=[LoggedMetric(key="fine", value=1.0)],
        tags=[RunTag(key="fine", value="")],
    )
    request.MergeFrom(request_)
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason):
        api.logging.Log(request)
    assert api.runs.GetRun(GetRunRequest(run_id=run_id)).run == before


def test_one_point_in_one_call(api: Api) -> None:
    run_id = api.create_run()
    request = LogMetricRequest(run_id=run_id, key="loss", value=0.5, timestamp=7, step=-3)
    api.logging.LogMetric(request)
    assert api.read_points(run_id) == [("loss", -3, 7, 0.5)]
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.logging.LogMetric(LogMetricRequest(run_id="x", key="loss"))
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "KEY_EMPTY"):
        api.logging.LogMetric(LogMetricRequest(run_id=run_id))


def test_a_call_that_is_not_a_message_is_an_error_of_the_caller(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.address) as channel:
        log: Any = channel.unary_unary("/runstream.v1.LoggingService/Log")
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            log(b"\xff\xff\xff", timeout=10)
        read: Any = channel.unary_stream("/runstream.v1.MetricService/ReadMetricHistory")
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            list(read(b"\xff\xff\xff", timeout=10))
    assert server.stop() == ""


def test_a_call_over_4_mib_is_refused(api: Api) -> None:
    """M7."""
    run_id = api.create_run()
    with pytest.raises(grpc.RpcError) as raised:
        api.logging.Log(LogRequest(run_id=run_id, tags=[RunTag(key="t", value="x" * 2**22)]))
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
