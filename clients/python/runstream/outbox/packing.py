"""Packs the points, params and tags of one run into messages of about a mebibyte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from runstream import rules
from runstream.contract import wire_columns
from runstream.contract.wire_columns import POINT_BYTES
from runstream.errors import ResourceExhausted
from runstream.outbox.batch import Backlog, PackedBatch
from runstream.outbox.series import PackedColumns, Series
from runstream.v1.console_pb2 import ConsoleLine
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_pb2 import Param, RunTag

#: Size at which a batch is sent without waiting for more (M7).
BATCH_BYTES = 1024 * 1024

# Bytes of a message that are left for its WriteId.
_WRITE_ID_BYTES = 100


class _Part(NamedTuple):
    """The oldest points of a series, which are still in its queue."""

    series: Series
    points: int
    columns: PackedColumns


def pack_points(run_id: str, many_series: Iterable[Series]) -> Iterator[tuple[bytes, int]]:
    """Yield batches of the points that wait: each a message and how many points it has.

    The points of a batch are removed from their queues when the next one is asked for. A series is
    not cut for the rest of a batch that is half full: the server compresses long parts at once, and
    short ones later.
    """
    parts: list[_Part] = []
    size = 0
    for series in many_series:
        while left := len(series):
            if left * POINT_BYTES > BATCH_BYTES - size and 2 * size > BATCH_BYTES:
                yield _message(run_id, parts)
                _drop(parts)
                size = 0
            points = min(left, max(1, (BATCH_BYTES - size) // POINT_BYTES))
            parts.append(_Part(series, points, series.peek(points)))
            size += points * POINT_BYTES + 4 * len(series.key)  # UTF-8 takes up to 4 bytes
            if size + POINT_BYTES <= BATCH_BYTES:
                break
            yield _message(run_id, parts)
            _drop(parts)
            size = 0
    if parts:
        yield _message(run_id, parts)
        _drop(parts)


def pack_params(run_id: str, params: Mapping[str, str]) -> Iterator[PackedBatch]:
    """Yield batches of params."""
    return _pack(run_id, [Param(key=key, value=value) for key, value in params.items()])


def pack_tags(run_id: str, tags: Mapping[str, str]) -> Iterator[PackedBatch]:
    """Yield batches of tags."""
    return _pack(run_id, [RunTag(key=key, value=value) for key, value in tags.items()])


def _pack(run_id: str, messages: Iterable[Param | RunTag]) -> Iterator[PackedBatch]:
    request, size, count = LogBatchRequest(run_id=run_id), 0, 0
    for message in messages:
        bytes_more = message.ByteSize()
        if count and size + bytes_more > BATCH_BYTES:
            yield PackedBatch(request.SerializeToString(), Backlog(params_and_tags=count))
            request, size, count = LogBatchRequest(run_id=run_id), 0, 0
        if isinstance(message, Param):
            request.params.append(message)
        else:
            request.tags.append(message)
        size += bytes_more
        count += 1
    if count:
        yield PackedBatch(request.SerializeToString(), Backlog(params_and_tags=count))


def pack_lines(run_id: str, lines: Iterable[ConsoleLine]) -> list[PackedBatch]:
    """Return batches of lines of the console."""
    packed: list[PackedBatch] = []
    request, size = LogBatchRequest(run_id=run_id), 0
    for line in lines:
        bytes_more = line.ByteSize()
        if size and size + bytes_more > BATCH_BYTES:
            packed.append(_pack_console(request))
            request, size = LogBatchRequest(run_id=run_id), 0
        request.console.append(line)
        size += bytes_more
    if size:
        packed.append(_pack_console(request))
    return packed


def pack_request(request: LogBatchRequest, *, is_after_points: bool = False) -> PackedBatch:
    """Return a request as a batch of its own.

    Args:
        request: the request.
        is_after_points: whether it is sent after the points that were logged before it.

    Raises:
        ResourceExhausted: it is larger than a message may be.
    """
    message = request.SerializeToString()
    if len(message) > rules.MESSAGE_BYTES - _WRITE_ID_BYTES:
        raise ResourceExhausted(
            f"run {request.run_id}: {len(message)} bytes are more than one message may have",
            reason="MESSAGE_TOO_LARGE",
            run_id=request.run_id,
            limit=str(rules.MESSAGE_BYTES),
        )
    return PackedBatch(message, Backlog.of_request(request), is_after_points)


def _pack_console(request: LogBatchRequest) -> PackedBatch:
    return PackedBatch(request.SerializeToString(), Backlog(lines=len(request.console)))


def _message(run_id: str, parts: list[_Part]) -> tuple[bytes, int]:
    steps, timestamps, values = zip(*(part.columns for part in parts), strict=True)
    counts = [part.points for part in parts]
    table = wire_columns.MetricTable(
        keys=[part.series.key for part in parts],
        counts=counts,
        step=[b"".join(steps)],
        timestamp=[b"".join(timestamps)],
        value=[b"".join(values)],
    )
    request = wire_columns.LogBatchRequest(run_id=run_id, metrics=table)
    return request.SerializeToString(), sum(counts)


def _drop(parts: list[_Part]) -> None:
    for part in parts:
        part.series.drop(part.points)
    parts.clear()
