"""Streaming for programs without gRPC.

Points come in as lines of JSON, histories go out as such, and changes as server-sent events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runstream.errors import RunstreamError, strip_traceback
from runstream.rules import MESSAGE_BYTES
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogRequest
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.run_pb2 import RunInfo
from runstream.v1.watch_service_pb2 import WatchRequest, WatchResponse
from runstream_service.http.audit import name_rpc
from runstream_service.http.bodies import Bodies, body_chunks
from runstream_service.http.decode import Decoder
from runstream_service.http.disconnect import answer_unless_disconnected, iterate_in_task
from runstream_service.http.encode import Encoder, protobuf_double
from runstream_service.http.errors import (
    BadRequest,
    ErrorParts,
    batch_error,
    error_body,
    error_parts,
)
from runstream_service.http.http_context import HttpContext
from runstream_service.http.json_executors import JsonExecutors
from runstream_service.http.json_text import read_json
from runstream_service.rpc.logging_servicer import LoggingServicer
from runstream_service.rpc.metric_servicer import HistoryPart, MetricServicer
from runstream_service.rpc.watch_servicer import WatchServicer

#: Refused lines that an answer lists; it counts all of them.
MAX_REFUSALS = 1_000

#: Runs that an answer describes, the first that its lines start or update.
MAX_RUNS = 1_000

# Lines that are read at a time: a millisecond or two, if they are short.
_LINES_AT_ONCE = 100

# How lines of points are written: arrays as lists, a newline at the end.
_LINE_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE

# Seconds without an event after which one says that the server is there: it keeps the connection
# open, and a browser tells its page of events, but not of comments.
_KEEPALIVE_SECONDS = 15.0
_HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"

_line_decoder = Decoder(LogRequest.DESCRIPTOR)
_watch_decoder = Decoder(WatchRequest.DESCRIPTOR)
_run_encoder = Encoder(RunInfo.DESCRIPTOR, protobuf_double)
_change_encoder = Encoder(WatchResponse.DESCRIPTOR, protobuf_double)
_history_decoder = Decoder(ReadMetricHistoryRequest.DESCRIPTOR)


def stream_routes(
    logs: LoggingServicer,
    metrics: MetricServicer,
    watches: WatchServicer,
    bodies: Bodies,
    threads: JsonExecutors,
) -> Iterator[Route]:
    """Yield the routes."""

    async def upload(request: Request) -> Response:
        name_rpc(request.scope, "LogBatch", LogBatchRequest())  # its lines say what it is about
        return await LineUpload(request, logs, bodies, threads).answer()

    async def read(request: Request) -> Response:
        return await _read_history(request, metrics)

    async def watch(request: Request) -> Response:
        return await _watch_changes(request, watches)

    yield Route("/api/1.0/runstream/metrics/history/stream", read)
    yield Route("/api/1.0/runstream/logs/stream", upload, methods=["POST"])
    yield Route("/api/1.0/runstream/watch/stream", watch)


class LineUpload:
    """An upload of lines, each a batch as that of runs/log-batch, over the path of LogBatch.

    A line that is refused does not stop the lines after it (X4). The answer comes when all lines
    are on disk or refused, and lists the refused ones.
    """

    def __init__(
        self, request: Request, logs: LoggingServicer, bodies: Bodies, threads: JsonExecutors
    ) -> None:
        self._request = request
        self._logs = logs
        self._bodies = bodies
        self._threads = threads
        self._lines = 0
        self._sent: deque[int] = deque()  # the number of the line of each request without answer
        self._answered = 0
        self._refused: list[dict[str, Any]] = []
        self._refusals = 0
        self._runs: list[dict[str, Any]] = []

    async def answer(self) -> Response:
        """Read all lines, and answer how many there were, which were refused, and the runs."""
        async with aclosing(
            self._logs.LogBatch(self._requests(), HttpContext(self._request))
        ) as answers:  # type: ignore[type-var]
            async for answer in answers:
                line = 0
                for _ in range(answer.answered - self._answered):
                    line = self._sent.popleft()
                self._answered = answer.answered
                room = MAX_RUNS - len(self._runs)
                self._runs += map(_run_encoder, answer.run_infos[:room])
                if answer.HasField("error"):
                    self._refuse(line, batch_error(answer.error))
        summary: dict[str, Any] = {
            "lines": self._lines,
            "refused": self._refusals,
            "refusals": self._refused,
        }
        if self._runs:
            summary["run_infos"] = self._runs
        return Response(orjson.dumps(summary), media_type="application/json")

    async def _requests(self) -> AsyncIterator[LogRequest]:
        async with aclosing(self._chunks()) as chunks:
            async for lines in chunks:
                for first in range(0, len(lines), _LINES_AT_ONCE):
                    async for batch in self._batches(lines[first : first + _LINES_AT_ONCE]):
                        yield batch
                    await asyncio.sleep(0)  # other calls get their turn

    async def _batches(self, lines: Sequence[bytes]) -> AsyncIterator[LogRequest]:
        """Yield the batches of some lines, and note which are refused."""
        for batch in await self._threads.read(sum(map(len, lines)), _batches, lines):
            self._lines += 1
            if isinstance(batch, RunstreamError):
                self._refuse(self._lines, error_parts(batch))
            elif batch is not None:
                self._sent.append(self._lines)
                yield batch

    async def _chunks(self) -> AsyncGenerator[list[bytes], None]:
        """Yield the lines that are complete with each chunk of the body."""
        rest = bytearray()
        share = 0
        try:
            async for chunk in body_chunks(self._request):
                share = self._bodies.resize(share, len(rest) + len(chunk))
                complete, newline, following = chunk.rpartition(b"\n")
                if newline:
                    yield (bytes(rest) + complete).split(b"\n")
                    rest.clear()
                rest += following
                if len(rest) > MESSAGE_BYTES:
                    raise _too_long_error()
            if rest:
                yield [bytes(rest)]
        finally:
            self._bodies.resize(share, 0)

    def _refuse(self, line: int, error: ErrorParts) -> None:
        self._refusals += 1
        if len(self._refused) < MAX_REFUSALS:
            self._refused.append({"line": line, **error.fields()})


def _too_long_error() -> BadRequest:
    return BadRequest(
        f"A line is larger than {MESSAGE_BYTES} bytes",
        reason="LINE_TOO_LARGE",
        field="body",
        limit=MESSAGE_BYTES,
    )


def _batches(lines: Sequence[bytes]) -> list[LogRequest | RunstreamError | None]:
    """Return the batch of each line, or its error; None for an empty line."""
    batches: list[Any] = []
    for line in lines:
        try:
            batches.append(_line_decoder.decode(read_json(line, "line")) if line.strip() else None)
        except RunstreamError as error:
            batches.append(strip_traceback(error))
    return batches


async def _read_history(request: Request, metrics: MetricServicer) -> Response:
    message: Any = _history_decoder.decode_query(request.query_params)
    parts = metrics.read_parts(message, HttpContext(request), _history_line)
    # An error raised here can still be the answer.
    first = await answer_unless_disconnected(request, anext(parts, None))
    return StreamingResponse(
        _history_lines(request, first, parts), media_type="application/x-ndjson"
    )


async def _history_lines(request: Request, first: bytes | None, lines: Any) -> AsyncIterator[bytes]:
    async with aclosing(iterate_in_task(lines)) as following:
        if first is not None:
            yield first
            try:
                async for line in following:
                    if line is not None:
                        yield line
            except RunstreamError as error:  # the status was sent long ago
                yield _error_content(request, error) + b"\n"


def _history_line(part: HistoryPart) -> bytes:
    """Return a part as the JSON of a ReadMetricHistoryResponse."""
    step, timestamp, value = part.columns
    table = {
        "keys": [part.key],
        "counts": [part.columns.size],
        "step": step,
        "timestamp": timestamp,
        "value": _json_doubles(value),
    }
    line: dict[str, Any] = {"run_id": part.run_id, "metrics": table}
    if part.smoothed is not None:
        line["smoothed"] = _json_doubles(np.ascontiguousarray(part.smoothed))
        line["smoothing_weight"] = part.weight
    if part.total:
        line["total_points"] = part.total
    return orjson.dumps(line, option=_LINE_OPTIONS)


def _json_doubles(column: Any) -> Any:
    return column if np.isfinite(column).all() else list(map(protobuf_double, column.tolist()))


async def _watch_changes(request: Request, watches: WatchServicer) -> Response:
    # A browser that connects again says where it was.
    position = request.headers.get("last-event-id")
    message: Any = _watch_decoder.decode_query(
        request.query_params, **({"position": position} if position else {})
    )
    answers = watches.Watch(message, HttpContext(request))
    first = await anext(answers)  # an error raised here can still be the answer
    return StreamingResponse(
        _events(request, first, answers),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


async def _events(request: Request, first: Any, answers: Any) -> AsyncIterator[bytes]:
    async with aclosing(iterate_in_task(answers, _KEEPALIVE_SECONDS)) as following:
        try:
            yield _event(first)
            async for answer in following:
                yield _HEARTBEAT if answer is None else _event(answer)
        except RunstreamError as error:
            yield b"event: error\ndata: " + _error_content(request, error) + b"\n\n"


def _error_content(request: Request, error: RunstreamError) -> bytes:
    """Return the JSON of an error that ends a stream."""
    return error_body(request.scope, error_parts(error))


def _event(answer: Any) -> bytes:
    """Return an answer of Watch, the twin of a WatchResponse, as an event."""
    return b"id: %b\ndata: %b\n\n" % (
        answer.position.encode(),
        orjson.dumps(_change_encoder(WatchResponse.FromString(answer.SerializeToString()))),
    )
