"""A server whose answers the test scripts, at the other end of the streams of an uploader.

The streams are those of grpcio-testing's channel.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import grpc
import grpc_testing

from runstream.outbox.uploader import Uploader
from runstream.v1 import logging_service_pb2
from runstream.v1.logging_service_pb2 import BatchError, LogBatchRequest, LogBatchResponse

RUN = "a" * 32
SERVICE = logging_service_pb2.DESCRIPTOR.services_by_name["LoggingService"]
LOG_BATCH = SERVICE.methods_by_name["LogBatch"]
_numbers = itertools.count()


class ScriptedServer:
    """The server's end of the streams of an uploader."""

    def __init__(self) -> None:
        self._channel = grpc_testing.channel([SERVICE], grpc_testing.strict_real_time())
        self.open_times: list[float] = []
        # The uploader of the test before may still log warnings under its own name.
        self.name = f"grpc://scripted-{next(_numbers)}"
        self.uploader = Uploader(lambda: self.name, self._open)
        self.outbox = self.uploader.outbox
        self.buffer = self.outbox.buffer(RUN)

    def _open(self, messages: Iterator[bytes]) -> Any:
        self.open_times.append(time.monotonic())
        return self._channel.stream_stream("/runstream.v1.LoggingService/LogBatch")(messages)

    def accept(self) -> Any:
        """Return the next stream."""
        _, stream = self._channel.take_stream_stream(LOG_BATCH)
        return stream

    def wait_for_backlog(self, batches: int) -> None:
        """Wait until so many batches have no answer; a break would drop answers on their way."""
        deadline = time.monotonic() + 5
        while self.outbox.backlog().get(RUN, (0, 0))[1] != batches:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def log_params(self, *names: str) -> None:
        """Log a batch for each name."""
        for name in names:
            self.buffer.log_params({name: name})


def take_params(stream: Any, count: int) -> list[str]:
    """Return the params of the next batches."""
    return [LogBatchRequest.FromString(stream.take_request()).params[0].key for _ in range(count)]


def answer(stream: Any, answered: int, error: BatchError | None = None) -> None:
    stream.send_response(LogBatchResponse(answered=answered, error=error))


def break_off(stream: Any, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
    stream.terminate((), code, "scripted")
