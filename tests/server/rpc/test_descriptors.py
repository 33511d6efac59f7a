"""A server that has no file descriptors left for further connections."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack

import grpc
import pytest

from runstream import TrackingClient
from runstream.v1.run_service_pb2 import GetRunRequest
from support.api import Api
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until

# What HTTP/2 begins with: a connection that says no more lives for ten minutes.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
LATE = """
import sys
import runstream

with runstream.TrackingClient(sys.argv[1]) as client:
    client.log_metric(sys.argv[2], "late", 2.0, step=0)
    client.flush()
    print(client.get_run(sys.argv[2]).data.metrics)
"""


def descriptors(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_without_descriptors_those_who_are_connected_are_served_and_others_when_there_are_some(
    server: ServerProcess, api: Api, client: TrackingClient
) -> None:
    run_id = api.create_run()
    client.log_metric(run_id, "loss", 0.5, step=0)
    client.flush()
    used = descriptors(server)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
    host, _, port = server.address.rpartition(":")
    with ExitStack() as holders:
        for _ in range(30):
            holder = holders.enter_context(socket.create_connection((host, int(port)), 20))
            holder.sendall(GREETING)
        wait_until(lambda: descriptors(server) == used + 10, 30)
        for step in range(1, 101):
            client.log_metric(run_id, "loss", 0.5, step=step)
        client.flush()
        assert api.read_latest_points(run_id)["loss"][0] == 100
        own = [("grpc.use_local_subchannel_pool", 1)]  # and no connection that is there
        with (
            grpc.insecure_channel(server.address, options=own) as channel,
            pytest.raises(grpc.RpcError) as refusal,
        ):
            Api(channel).runs.GetRun(GetRunRequest(run_id=run_id), timeout=2)
        assert refusal.value.code() in {
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.UNAVAILABLE,
        }
        late = subprocess.Popen(
            [sys.executable, "-c", LATE, server.uri, run_id],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where it says that it waits
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            late.wait(2)
    said, _ = late.communicate(timeout=60)
    assert (late.returncode, said) == (0, "{'late': 2.0, 'loss': 0.5}\n")
    assert [point[1] for point in api.read_points(run_id, "loss")] == list(range(101))
    assert server.stop().count("\n") < 100  # one line a second, and not one for each attempt
