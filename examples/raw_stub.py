"""Logs a run with the generated stubs alone, as a service does that has no need of the client.

python examples/raw_stub.py 127.0.0.1:50051
"""

import sys
import time
from collections.abc import Iterator

import grpc

from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import FINISHED, Param
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest, UpdateRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub


def now() -> int:
    return time.time_ns() // 1_000_000


def batches(run_id: str) -> Iterator[LogBatchRequest]:
    yield LogBatchRequest(run_id=run_id, params=[Param(key="region", value="north")])
    for first in range(0, 300, 100):
        steps = range(first, first + 100)
        table = MetricTable(
            keys=["queue", "latency"],
            counts=[100, 100],  # the first 100 points are of "queue", the others of "latency"
            step=[*steps, *steps],
            timestamp=[now()] * 200,
            value=[*(step % 7 for step in steps), *(1 / (step + 1) for step in steps)],
        )
        yield LogBatchRequest(run_id=run_id, metrics=table)


if len(sys.argv) != 2:
    sys.exit("usage: python examples/raw_stub.py HOST:PORT")
with grpc.insecure_channel(sys.argv[1]) as channel:
    runs, logs = RunServiceStub(channel), LoggingServiceStub(channel)
    run_id = runs.CreateRun(CreateRunRequest(run_name="raw-stub")).run.info.run_id
    # An answer means that the batches up to `answered` are on disk. If the stream breaks, send
    # those after the last answer again, on a new stream: a point that is there is not stored twice.
    for answer in logs.LogBatch(batches(run_id)):
        if answer.HasField("error"):
            print(f"batch {answer.answered} was refused: {answer.error.message}", file=sys.stderr)
    runs.UpdateRun(UpdateRunRequest(run_id=run_id, status=FINISHED, end_time=now()))
    data = runs.GetRun(GetRunRequest(run_id=run_id)).run.data
    print(f"{run_id}: " + ", ".join(f"{m.key} {m.value:.5f} at {m.step}" for m in data.metrics))
