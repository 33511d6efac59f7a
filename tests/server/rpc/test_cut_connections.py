"""Connections that break off while streams are open."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc

from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from support.api import Api, make_batch
from support.proxy import Proxy
from support.server_process import ServerProcess

STREAMS = 20


def test_a_server_outlives_streams_that_are_cut_off(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    for step in range(20):
        proxy, over = Proxy(server.address), threading.Event()

        def requests(over: threading.Event = over, step: int = step) -> Iterator[LogBatchRequest]:
            yield make_batch(run_id, [("m", step, 1, 1.0)])
            over.wait(60)

        with grpc.insecure_channel(proxy.uri.removeprefix("grpc://")) as channel:
            logs = LoggingServiceStub(channel)
            streams = [logs.LogBatch(requests()) for _ in range(STREAMS)]
            for stream in streams:
                next(stream)
            proxy.cut()
            over.set()
        proxy.close()
    assert api.read_latest_points(run_id)["m"][0] == 19
    assert server.process.poll() is None
