"""Holds many LogBatch streams open at once, with the raw stubs of the contract.

Every stream stands for a training process: it has a run of its own, and sends a request at even
intervals, whether or not the one before is answered. An answer is timed from the moment at which
its request was due, so that time in which the server holds the sender back counts too.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import Any

import grpc
import grpc.aio

from benchmarks.workers.job import main
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub


def streams(
    uri: str, count: int, channels: int, interval: float, points: int, seconds: float, keys: int = 1
) -> dict[str, Any]:
    """Open streams, send requests on them for a while, end them in order.

    Args:
        uri: the server.
        count: how many streams.
        channels: how many connections carry them.
        interval: seconds between two requests of a stream.
        points: how many points a request has of each metric.
        seconds: for how long they send.
        keys: how many metrics.

    Returns:
        `answers`: seconds from each request to its answer; `late`: by how many seconds a request
        was sent too late, at worst; `errors`: texts of the streams that failed; `processor`:
        seconds of it that the driver took while it sent.
    """
    return asyncio.run(_streams(uri, count, channels, interval, points, seconds, keys))


async def _streams(
    uri: str, count: int, channels: int, interval: float, points: int, seconds: float, keys: int
) -> dict[str, Any]:
    options = [("grpc.use_local_subchannel_pool", 1)]  # otherwise they share one connection
    opened = [
        grpc.aio.insecure_channel(uri.removeprefix("grpc://"), options=options)
        for _ in range(channels)
    ]
    devices = [Device(opened[i % channels], interval, points, keys) for i in range(count)]
    for first in range(0, count, 100):
        await asyncio.gather(*(device.open() for device in devices[first : first + 100]))
    start, processor = time.perf_counter() + 0.5, time.process_time()
    results = await asyncio.gather(
        *(device.send(start, seconds) for device in devices), return_exceptions=True
    )
    processor = time.process_time() - processor
    for channel in opened:
        await channel.close()
    return {
        "processor": processor,
        "answers": [taken for device in devices for taken in device.answers],
        "late": max(device.late for device in devices),
        "errors": [repr(result) for result in results if isinstance(result, BaseException)],
    }


class Device:
    """One stream and what it measured."""

    def __init__(self, channel: grpc.aio.Channel, interval: float, points: int, keys: int) -> None:
        self._runs: Any = RunServiceStub(channel)
        self._logs: Any = LoggingServiceStub(channel)
        self._interval = interval
        self._points = points
        self._keys = [f"metric_{i}" for i in range(keys)]
        self._answered = asyncio.Event()
        self._due: deque[float] = deque()  # of each request without an answer
        self.answers: list[float] = []
        self.late = 0.0

    async def open(self) -> None:
        """Create the run and open the stream."""
        answer = await self._runs.CreateRun(CreateRunRequest())
        self._run_id = answer.run.info.run_id
        self._stream = self._logs.LogBatch()
        await self._stream.wait_for_connection()

    async def send(self, start: float, seconds: float) -> None:
        """Send requests from a random moment of the first interval on, then end the stream.

        Without an interval each is sent when the one before is answered.
        """
        reading = asyncio.create_task(self._read())
        due = start + random.random() * self._interval
        step = 0
        while due < start + seconds and not reading.done():
            await asyncio.sleep(due - time.perf_counter())
            self.late = max(self.late, time.perf_counter() - due)
            self._due.append(due)
            self._answered.clear()
            await self._stream.write(self._request(step))
            step += self._points
            due = due + self._interval if self._interval else await self._next_answer()
        await self._stream.done_writing()
        await reading
        if self._due:
            raise RuntimeError(f"{len(self._due)} requests have no answer")

    async def _next_answer(self) -> float:
        await self._answered.wait()
        return time.perf_counter()

    def _request(self, first: int) -> LogBatchRequest:
        now, keys = time.time_ns() // 1_000_000, len(self._keys)
        table = MetricTable(
            keys=self._keys,
            counts=[self._points] * keys,
            step=[*range(first, first + self._points)] * keys,
            timestamp=[now] * self._points * keys,
            value=[random.random() for _ in range(self._points * keys)],
        )
        return LogBatchRequest(run_id=self._run_id, metrics=table)

    async def _read(self) -> None:
        try:
            async for answer in self._stream:
                now = time.perf_counter()
                if answer.HasField("error"):
                    raise RuntimeError(answer.error.message)
                while len(self.answers) < answer.answered:
                    self.answers.append(now - self._due.popleft())
                self._answered.set()
        finally:
            self._answered.set()


if __name__ == "__main__":
    main({"streams": streams})
