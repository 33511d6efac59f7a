"""Watches a run many times over, with the raw stubs of the contract."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc.aio

from benchmarks.workers.job import main
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream.v1.watch_service_pb2_grpc import WatchServiceStub


def watch(uri: str, watchers: int, points: int, interval: float) -> list[float]:
    """Log points one by one while all watch; return seconds from each request to each watcher.

    A request is sent before its commit, so this is a little more than from commit to watcher.
    """
    return asyncio.run(_watch(uri, watchers, points, interval))


async def _watch(uri: str, watchers: int, points: int, interval: float) -> list[float]:
    address = uri.removeprefix("grpc://")
    async with grpc.aio.insecure_channel(address) as logging:
        runs: Any = RunServiceStub(logging)
        run_id = (await runs.CreateRun(CreateRunRequest())).run.info.run_id
        options = [("grpc.use_local_subchannel_pool", 1)]  # or else they share one connection
        channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(10)]
        ready = asyncio.Semaphore(0)
        watching = [
            asyncio.create_task(_follow(channels[i % 10], run_id, points, ready))
            for i in range(watchers)
        ]
        for _ in range(watchers):
            await ready.acquire()
        sent = await _log(logging, run_id, points, interval)
        seen = await asyncio.gather(*watching)
        for channel in channels:
            await channel.close()
    return [times[step] - sent[step] for times in seen for step in range(points)]


async def _follow(
    channel: Any, run_id: str, points: int, ready: asyncio.Semaphore
) -> dict[int, float]:
    stub: Any = WatchServiceStub(channel)
    times: dict[int, float] = {}
    stream = stub.Watch(WatchRequest(run_ids=[run_id]))
    async for answer in stream:
        now = time.perf_counter()
        if not answer.changes:
            ready.release()
        for change in answer.changes:
            times.update(dict.fromkeys(change.metrics.step, now))
        if len(times) == points:
            break
    stream.cancel()
    return times


async def _log(channel: Any, run_id: str, points: int, interval: float) -> dict[int, float]:
    stub: Any = LoggingServiceStub(channel)
    stream = stub.LogBatch()
    sent = {}
    for step in range(points):
        table = MetricTable(keys=["loss"], counts=[1], step=[step], timestamp=[1], value=[0.5])
        sent[step] = time.perf_counter()
        await stream.write(LogBatchRequest(run_id=run_id, metrics=table))
        await stream.read()
        await asyncio.sleep(interval)
    await stream.done_writing()
    return sent


if __name__ == "__main__":
    main({"watch": watch})
