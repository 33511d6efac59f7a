"""LoggingService: the stream of batches, and the unary calls that log the same."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runstream.contract import wire_columns
from runstream.errors import (
    Internal,
    InvalidArgument,
    RunstreamError,
    Unavailable,
    server_stopping_error,
    strip_traceback,
)
from runstream.rules import check_dataset_field, check_key, check_model_id, check_timestamp
from runstream.v1 import logging_service_pb2 as pb
from runstream.v1.logging_service_pb2_grpc import LoggingServiceServicer
from runstream.v1.metric_pb2 import LoggedMetric
from runstream_service.engine.batch import Batch, ConsoleText, ModelPoint
from runstream_service.engine.writer import Writer
from runstream_service.ingest.ingest import Ingest
from runstream_service.live.heartbeats import Heartbeats
from runstream_service.points.append import BULK_POINTS, encode_bulk, metrics_of
from runstream_service.request_id import request_id
from runstream_service.rpc.admission import RequestStream
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.large_messages import offload_if_large
from runstream_service.rpc.write_id import write_id

#: Requests of a stream that are read before their answers are.
PENDING = 1_024

#: Bytes that each param, tag, metric key and line of a console adds to the size of a batch in the
#: writer's queue: it takes about 200 bytes of memory there and 3 to 9 µs of the writer, however
#: short it is.
ENTRY_BYTES = 200


log = logging.getLogger(__name__)

Number = TypeVar("Number", np.int64, np.float64)


class LoggingServicer(LoggingServiceServicer):
    def __init__(self, writer: Writer, ingest: Ingest, heartbeats: Heartbeats) -> None:
        self._writer = writer
        self._ingest = ingest
        self._heartbeats = heartbeats
        self._reading_tasks: set[asyncio.Task[None]] = set()

    async def LogBatch(
        self,
        request_iterator: AsyncIterator[Any],
        context: CallContext,
    ) -> AsyncIterator[pb.LogBatchResponse]:
        """Read in one task and answer in another, so that batches of a stream share commits.

        The requests are not decoded yet, because large ones are decoded on a thread. HTTP sends
        requests of Log, whose points may be rows.
        """
        pending: deque[asyncio.Future[None]] = deque()
        news, answered_event = asyncio.Event(), asyncio.Event()
        reading = asyncio.create_task(self._read(request_iterator, pending, news, answered_event))
        reading.add_done_callback(lambda _: news.set())
        self._reading_tasks.add(reading)
        answered = 0
        try:
            while await _any_done(pending, news, reading):
                error = None
                while error is None and pending and pending[0].done():
                    error = pending.popleft().exception()
                    answered += 1
                answered_event.set()
                if isinstance(error, Unavailable):
                    raise error
                yield pb.LogBatchResponse(answered=answered, error=_batch_error(error))
        finally:
            self._reading_tasks.discard(reading)
            reading.cancel()
            for batch in pending:
                batch.add_done_callback(_ignore_error)
        if reading.cancelled():
            raise server_stopping_error()
        reading.result()

    async def Log(self, request: pb.LogRequest, context: CallContext) -> pb.LogResponse:
        size = request.ByteSize()
        await self._writer.wait_for_room()
        await self._append(await offload_if_large(size, _checked_batch, request), size)
        return pb.LogResponse()

    async def LogMetric(
        self, request: pb.LogMetricRequest, context: CallContext
    ) -> pb.LogMetricResponse:
        batch = Batch(
            request.run_id,
            [request.key],
            [1],
            np.array([request.step], np.int64),
            np.array([request.timestamp], np.int64),
            np.array([request.value], np.float64),
            model_points=_model_points([request]),
        )
        batch.check()
        await self._writer.wait_for_room()
        await self._append(batch, request.ByteSize())
        return pb.LogMetricResponse()

    def stop_reading(self) -> None:
        """End every stream once the requests that it has sent so far are answered."""
        for reading in self._reading_tasks:
            reading.cancel()

    def _append(self, batch: Batch, size: int, *, may_wait: bool = False) -> asyncio.Future[None]:
        """Queue a checked batch whose message has `size` bytes."""
        entries = len(batch.params) + len(batch.tags) + len(batch.keys) + len(batch.console)
        size += ENTRY_BYTES * entries
        return self._writer.submit(
            self._ingest.apply, batch, run_id=batch.run_id, size=size, may_wait=may_wait
        )

    async def _read(
        self,
        requests: AsyncIterator[Any],
        pending: deque[asyncio.Future[None]],
        news: asyncio.Event,
        answered_event: asyncio.Event,
    ) -> None:
        """Queue the batch of each request, bytes or LogRequest, and set `news` when one is done."""

        def set_news(_: object) -> None:
            news.set()

        async for request in requests:
            # While the queue is full nothing is read, and HTTP/2 holds the client back.
            await self._writer.wait_for_room()
            size = len(request) if isinstance(request, bytes) else request.ByteSize()
            try:
                batch = await offload_if_large(size, _checked_batch, request)
            except RunstreamError as error:
                answer = asyncio.get_running_loop().create_future()
                answer.set_exception(strip_traceback(error))
            else:
                is_heartbeat = batch.is_empty()
                answer = (
                    self._writer.submit(self._heartbeats.record, batch.run_id, may_wait=True)
                    if is_heartbeat
                    else self._append(batch, size, may_wait=True)
                )
            answer.add_done_callback(set_news)
            pending.append(answer)
            if isinstance(requests, RequestStream):
                requests.release()
            while len(pending) >= PENDING:  # bounds the memory of a client that reads no answers
                answered_event.clear()
                await answered_event.wait()


def _checked_batch(request: Any) -> Batch:
    """Return the batch of a request: first its rows, if it has some, then its table.

    Args:
        request: the bytes of a LogBatchRequest, or a LogRequest or its twin (`wire_columns`).

    Raises:
        InvalidArgument: something in the request breaks its rule.
        DecodeError: the bytes are of something else.
    """
    if isinstance(request, bytes):
        batch = _batch(*wire_columns.decode_log_batch_request(request))
        batch.check()
    else:
        batch = _batch(request, wire_columns.read_table(request.table))
        batch.check()
        if request.metrics:
            _add_rows(batch, request.metrics)
    if len(batch.value) >= BULK_POINTS:
        batch.encoded = encode_bulk(metrics_of(batch))
    return batch


def _add_rows(batch: Batch, rows: Sequence[LoggedMetric]) -> None:
    """Put rows before the columns of a checked batch, and check the rows."""
    index = {key: i for i, key in enumerate(batch.keys)}
    row_key = [index.setdefault(row.key, len(index)) for row in rows]
    row_timestamp = [row.timestamp for row in rows]
    keys = list(index)
    for key in keys[len(batch.keys) :]:
        check_key("metrics.key", key)
    check_timestamp("metrics.timestamp", min(row_timestamp))
    indices = np.concatenate((row_key, np.repeat(np.arange(len(batch.keys)), batch.counts)))
    order = np.argsort(indices, kind="stable")  # the points of a metric stay as they came
    batch.keys = keys
    batch.counts = np.bincount(indices).tolist()
    batch.step = _insert([row.step for row in rows], batch.step)[order]
    batch.timestamp = _insert(row_timestamp, batch.timestamp)[order]
    batch.value = _insert([row.value for row in rows], batch.value)[order]
    batch.model_points = _model_points(rows)


def _insert(numbers: list[Any], column: NDArray[Number]) -> NDArray[Number]:
    """Return a column with numbers before its own."""
    return np.concatenate((np.array(numbers, column.dtype), column))


async def _any_done(
    pending: deque[asyncio.Future[None]], news: asyncio.Event, reading: asyncio.Task[None]
) -> bool:
    """Wait until the oldest batch is done; return False when there will be no more."""
    while not (pending and pending[0].done()):
        if reading.done() and not pending:
            return False
        news.clear()
        await news.wait()
    return True


def _ignore_error(batch: asyncio.Future[None]) -> None:
    # The caller is gone, and asyncio logs an error that nobody retrieves.
    if not batch.cancelled():
        batch.exception()


def _batch(request: Any, table: wire_columns.RawTable) -> Batch:
    batch = Batch(
        request.run_id,
        table.keys,
        table.counts,
        np.frombuffer(table.step, "<i8"),
        np.frombuffer(table.timestamp, "<i8"),
        np.frombuffer(table.value, "<f8"),
        write=write_id(request.write),
    )
    # Most batches have points alone, and an empty list is asked for faster than it is iterated.
    if request.params:
        batch.params = [(param.key, param.value) for param in request.params]
    if request.tags:
        batch.tags = [(tag.key, tag.value) for tag in request.tags]
    if request.console:
        batch.console = [
            ConsoleText(line.stream, line.timestamp, line.text, line.writer, line.sequence)
            for line in request.console
        ]
    return batch


def _model_points(rows: Iterable[LoggedMetric | pb.LogMetricRequest]) -> list[ModelPoint]:
    """Return the points that measure a logged model, checked."""
    found = []
    for row in rows:
        if bool(row.dataset_name) != bool(row.dataset_digest):
            raise InvalidArgument(
                "Both dataset_name and dataset_digest must be provided if one is provided",
                reason="DATASET_INCOMPLETE",
                field="dataset_digest" if row.dataset_name else "dataset_name",
            )
        if not row.model_id:
            continue
        check_model_id("model_id", row.model_id)
        if row.dataset_name:
            check_dataset_field("dataset_name", "name", row.dataset_name)
            check_dataset_field("dataset_digest", "digest", row.dataset_digest)
        found.append(
            ModelPoint(
                row.model_id,
                row.key,
                row.step,
                row.timestamp,
                row.value,
                row.dataset_name,
                row.dataset_digest,
            )
        )
    return found


def _batch_error(error: BaseException | None) -> pb.BatchError | None:
    if not isinstance(error, RunstreamError):
        return None
    made = request_id(None)
    if isinstance(error, Internal):  # the thread that has logged it knows no request
        log.error("a batch of LogBatch failed, see above", extra={"request_id": made})
    return pb.BatchError(
        code=error.code.value[0],
        message=error.message,
        reason=error.reason,
        metadata=error.metadata,
        request_id=made,
    )
