"""The importance of params among more runs than are read, and of more params than are told."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.param_importance_pb2 import GetParamImportanceRequest
from runstream.v1.run_pb2 import Param
from support.api import Api
from support.importance import log_content, read_importance
from support.metrics_page import Page
from support.run_batches import RunWriter
from support.server_process import ServerProcess
from support.waiting import wait_until


def test_the_newest_5000_runs_are_read_until_the_caller_goes(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        log_content(api, count=5_020)
        answer = read_importance(api, "minimum.loss")
        assert (answer.run_count, answer.read_run_count) == (5_020, 5_000)
        assert answer.used_run_count == 5_000
        assert [param.key for param in answer.params[:2]] == ["lr", "optimizer"]
        request = GetParamImportanceRequest(number_key="metrics.loss")
        call = api.runs.GetParamImportance.future(request)
        wait_until(lambda: Page(server).value("runstream_reads", lane="long") == 1, 10)
        assert Page(server).value("runstream_reads", lane="importance") == 1
        call.cancel()
        wait_until(lambda: Page(server).value("runstream_reads", lane="long") == 0, 20)
        wait_until(lambda: Page(server).value("runstream_reads", lane="importance") == 0, 20)
        gone = Page(server).value("runstream_interrupted_reads_total", reason="caller_gone")
        assert gone == 1


def test_the_params_that_most_runs_have_are_told_and_others_counted(api: Api) -> None:
    for i in range(30):
        writer = RunWriter()
        params = [Param(key=f"p{j}", value=str(i % 7 + j)) for j in range(250 if i else 240)]
        table = MetricTable(keys=["m"], counts=[1], step=[0], timestamp=[1], value=[i % 7])
        api.log_batches([writer.start(start_time=i), writer.batch(params=params, metrics=table)])
    answer = read_importance(api, "metrics.m")
    assert answer.param_count == 250
    told = {param.key for param in answer.params}
    assert len(told) == 200
    assert not told & {f"p{j}" for j in range(240, 250)}
