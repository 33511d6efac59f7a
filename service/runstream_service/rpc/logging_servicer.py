"""LoggingService: the stream of batches, and the unary calls that log the same."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from runstream.errors import (
    Internal,
    RunstreamError,
    Unavailable,
    server_stopping_error,
    strip_traceback,
)
from runstream.v1 import logging_service_pb2 as pb
from runstream.v1.logging_service_pb2_grpc import LoggingServiceServicer
from runstream_service.access.audit import AuditLog, printable
from runstream_service.engine.batch import Batch
from runstream_service.engine.writer import GATHER_FROM, Writer
from runstream_service.ingest.ingest import AppliedRun, Ingest
from runstream_service.live.heartbeats import Heartbeats
from runstream_service.request_id import request_id
from runstream_service.rpc import messages
from runstream_service.rpc.admission import RequestStream
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.large_messages import offload_if_large
from runstream_service.rpc.log_requests import batch_of_point, checked_batch

#: Requests of a stream that are read before their answers are.
PENDING = 1_024

#: Bytes that each param, tag, metric key and line of a console adds to the size of a batch in the
#: writer's queue: it takes about 200 bytes of memory there and 3 to 9 µs of the writer, however
#: short it is.
ENTRY_BYTES = 200


# Bytes of runs after which an answer counts no more requests, so that long names do not make it
# larger than a message may be.
_INFO_BYTES = 256 * 1024

# Runs of a stream that the audit log names.
_NAMED_RUNS = 10

log = logging.getLogger(__name__)


class LoggingServicer(LoggingServiceServicer):
    def __init__(
        self, writer: Writer, ingest: Ingest, heartbeats: Heartbeats, audit: AuditLog
    ) -> None:
        self._writer = writer
        self._audit = audit
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
        pending: deque[asyncio.Future[Any]] = deque()
        news, answered_event = asyncio.Event(), asyncio.Event()
        reading = asyncio.create_task(
            self._read(context, request_iterator, pending, news, answered_event)
        )
        reading.add_done_callback(lambda _: news.set())
        self._reading_tasks.add(reading)
        answered = 0
        try:
            while await _any_done(pending, news, reading):
                error = None
                infos, infos_size = [], 0
                while error is None and infos_size < _INFO_BYTES and pending and pending[0].done():
                    answer = pending.popleft()
                    error = answer.exception()
                    answered += 1
                    if error is None and (applied := answer.result()) is not None:
                        infos.append(messages.run_info(applied.row))
                        infos_size += infos[-1].ByteSize()
                answered_event.set()
                if isinstance(error, Unavailable):
                    raise error
                yield pb.LogBatchResponse(
                    answered=answered, error=_batch_error(error), run_infos=infos
                )
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
        batch = await offload_if_large(size, checked_batch, request)
        applied = await self._append(context, batch, size)
        return pb.LogResponse(run_info=applied and messages.run_info(applied.row))

    async def LogMetric(
        self, request: pb.LogMetricRequest, context: CallContext
    ) -> pb.LogMetricResponse:
        batch = batch_of_point(request)
        await self._writer.wait_for_room()
        await self._append(context, batch, request.ByteSize())
        return pb.LogMetricResponse()

    def stop_reading(self) -> None:
        """End every stream once the requests that it has sent so far are answered."""
        for reading in self._reading_tasks:
            reading.cancel()

    def _append(
        self, context: CallContext, batch: Batch, size: int, *, is_streamed: bool = False
    ) -> asyncio.Future[AppliedRun | None]:
        """Queue a checked batch whose message has `size` bytes."""
        entries = len(batch.params) + len(batch.tags) + len(batch.keys) + len(batch.console)
        is_start = False
        if batch.catalog is not None:
            entries += len(batch.catalog)
            is_start = batch.catalog.start is not None
        size += ENTRY_BYTES * entries
        answer = self._writer.submit(
            self._ingest.apply,
            context.caller,
            batch,
            run_id=batch.run_id,
            size=size,
            gather_from=_gather_from(batch) if is_streamed else None,
        )
        if is_start:
            answer.add_done_callback(partial(self._audit_start, context))
        return answer

    def _audit_start(self, context: CallContext, answer: asyncio.Future[AppliedRun | None]) -> None:
        """Record what a start has created as if by the calls that create the same."""
        applied = None if answer.cancelled() or answer.exception() else answer.result()
        if applied is None or not applied.is_new:
            return
        run = applied.row
        created = [("CreateRun", f"experiment_id={run.experiment_id} run_id={run.uuid}")]
        if applied.new_experiment:
            created.insert(0, ("CreateExperiment", printable(f"name={applied.new_experiment}")))
        for method, subject in created:
            self._audit.record(context.caller, context.peer(), method, subject, "OK")

    async def _read(
        self,
        context: CallContext,
        requests: AsyncIterator[Any],
        pending: deque[asyncio.Future[Any]],
        news: asyncio.Event,
        answered_event: asyncio.Event,
    ) -> None:
        """Queue the batch of each request, bytes or LogRequest, and set `news` when one is done."""

        def set_news(_: object) -> None:
            news.set()

        caller = context.caller
        runs = _NamedRuns(context) if caller.name else None
        async for request in requests:
            # While the queue is full nothing is read, and HTTP/2 holds the client back.
            await self._writer.wait_for_room()
            size = len(request) if isinstance(request, bytes) else request.ByteSize()
            try:
                batch = await offload_if_large(size, checked_batch, request)
            except RunstreamError as error:
                answer = asyncio.get_running_loop().create_future()
                answer.set_exception(strip_traceback(error))
            else:
                is_heartbeat = batch.is_empty()
                answer = (
                    self._writer.submit(
                        self._heartbeats.record, caller, batch.run_id, gather_from=GATHER_FROM
                    )
                    if is_heartbeat
                    else self._append(context, batch, size, is_streamed=True)
                )
                if runs is not None:
                    runs.add(batch.run_id, answer)
            answer.add_done_callback(set_news)
            pending.append(answer)
            if isinstance(requests, RequestStream):
                requests.release()
            while len(pending) >= PENDING:  # bounds the memory of a client that reads no answers
                answered_event.clear()
                await answered_event.wait()


def _gather_from(batch: Batch) -> int | None:
    """Return how many commands have to be under way for a batch of a stream to wait for more."""
    if batch.catalog is None:
        return GATHER_FROM
    update = batch.catalog.update
    if batch.catalog.start is not None or (update is not None and update.heartbeat):
        return None  # a run starts or goes on: its program may be waiting for that
    # After the end of a run its program may start another at once, and that needs no commit more.
    return GATHER_FROM if update is None else 0


class _NamedRuns:
    """Lets the audit log name the first runs of a stream, by what became of their batches."""

    def __init__(self, context: CallContext) -> None:
        self._context = context
        self._noting: dict[str, Callable[[asyncio.Future[Any]], None]] = {}  # by the id of the run
        self._logged: list[str] = []
        self._refused: set[tuple[str, str]] = set()

    def add(self, run_id: str, answer: asyncio.Future[Any]) -> None:
        """Note what becomes of a batch."""
        note = self._noting.get(run_id)
        if note is None:
            is_named = len(self._noting) < _NAMED_RUNS
            run_id = run_id if is_named else ""
            subject = f"run_id={printable(run_id)}" if is_named else "and others"
            note = self._noting.setdefault(run_id, partial(self._note, subject))
        answer.add_done_callback(note)

    def _note(self, subject: str, answer: asyncio.Future[Any]) -> None:
        error = None if answer.cancelled() else answer.exception()
        if not isinstance(error, RunstreamError):
            if subject not in self._logged:
                self._logged.append(subject)
                self._context.name_subject(" ".join(self._logged))
        elif (subject, error.code.name) not in self._refused:
            self._refused.add((subject, error.code.name))
            self._context.name_refused(subject, error.code.name)


async def _any_done(
    pending: deque[asyncio.Future[Any]], news: asyncio.Event, reading: asyncio.Task[None]
) -> bool:
    """Wait until the oldest batch is done; return False when there will be no more."""
    while not (pending and pending[0].done()):
        if reading.done() and not pending:
            return False
        news.clear()
        await news.wait()
    return True


def _ignore_error(batch: asyncio.Future[Any]) -> None:
    # The caller is gone, and asyncio logs an error that nobody retrieves.
    if not batch.cancelled():
        batch.exception()


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
