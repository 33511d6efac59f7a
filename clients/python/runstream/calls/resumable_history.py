"""Reads histories to their end: a read that breaks off goes on at the point it had reached (M6)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from runstream.contract.response_checks import malformed_columns_error, unrequested_response_error
from runstream.contract.wire_columns import NUMBER_BYTES, view_column
from runstream.contract.wire_history import HistoryResponse
from runstream.errors import Unauthenticated, Unavailable
from runstream.transport.connection import Connection
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.run_service_pb2 import GetRunRequest

#: Attempts in a row that bring nothing new, after which reading is given up.
MAX_ATTEMPTS_WITHOUT_PROGRESS = 5


class HistoryPart(NamedTuple):
    """Points of one metric of one run, in the memory of the answer that has them.

    Attributes:
        run_id: the run.
        key: name of the metric.
        value: doubles.
        timestamp: integers of 64 bits.
        step: integers of 64 bits.
        total: points of this metric of this run in all parts, as far as is known; else 0.
    """

    run_id: str
    key: str
    value: memoryview[Any]
    timestamp: memoryview[Any]
    step: memoryview[Any]
    total: int


class _Position(NamedTuple):
    """The point that was read last."""

    run_id: str
    key: str
    step: int
    timestamp: int
    value: float


def read_histories(
    connection: Connection, request: ReadMetricHistoryRequest
) -> Iterator[HistoryPart]:
    """Yield the points that ReadMetricHistory answers with in parts, each point once.

    If the server goes away meanwhile, the remaining points are requested once it is back.

    Args:
        connection: the server.
        request: names each run once.

    Raises:
        Unavailable: the server could not be reached for half a minute.
        Unauthenticated: the token has expired or was revoked, and there is no new one.
        Internal: an answer is about a run or metric that was not requested.
    """
    last: _Position | None = None
    remaining, attempts_without_progress = [request], 0
    while remaining:
        has_answer, before = False, last
        try:
            stream = connection.read_stream(lambda stubs: stubs.read_metric_history, remaining[0])
            with closing(stream) as answers:
                for response in answers:
                    has_answer = True
                    part = _to_part(response, request)
                    if part is not None:
                        part = _drop_read_points(part, last)
                    if part is not None and len(part.value):
                        where = part.step[-1], part.timestamp[-1], part.value[-1]
                        last = _Position(part.run_id, part.key, *where)
                        yield part
            remaining.pop(0)
        except (Unavailable, Unauthenticated):  # there may be a new token by now
            attempts_without_progress = 0 if last != before else attempts_without_progress + 1
            if not has_answer or attempts_without_progress == MAX_ATTEMPTS_WITHOUT_PROGRESS:
                raise
            if last is not None:
                remaining = _remaining_requests(connection, request, last)


def _to_part(response: HistoryResponse, request: ReadMetricHistoryRequest) -> HistoryPart | None:
    """Return the points of an answer, which is checked; None if it has none."""
    run_id, total, table = response
    lengths = {len(table.step), len(table.timestamp), len(table.value)}
    if lengths != {NUMBER_BYTES * sum(table.counts)} or len(table.counts) != len(table.keys):
        raise malformed_columns_error()
    if not table.value:
        return None
    if len(table.keys) > 1:
        raise unrequested_response_error("key", ", ".join(table.keys[:3]), "one at a time")
    key = table.keys[0]
    if run_id not in request.run_ids:
        raise unrequested_response_error("run_id", run_id, ", ".join(request.run_ids[:3]))
    if request.metric_keys and key not in request.metric_keys:
        raise unrequested_response_error("key", key, ", ".join(request.metric_keys[:3]))
    return HistoryPart(
        run_id,
        key,
        view_column("d", table.value),
        view_column("q", table.timestamp),
        view_column("q", table.step),
        total,
    )


def _drop_read_points(part: HistoryPart, last: _Position | None) -> HistoryPart:
    if last is None or (part.run_id, part.key) != last[:2]:
        return part
    known = bisect_right(
        range(len(part.value)),
        _sort_key(*last[2:]),
        key=lambda i: _sort_key(part.step[i], part.timestamp[i], part.value[i]),
    )
    return part._replace(
        value=part.value[known:], timestamp=part.timestamp[known:], step=part.step[known:]
    )


def _sort_key(step: int, timestamp: int, value: float) -> tuple[int, int, bool, float]:
    """Return the key by which histories are sorted: NaN comes last."""
    return step, timestamp, math.isnan(value), 0.0 if math.isnan(value) else value


def _remaining_requests(
    connection: Connection, request: ReadMetricHistoryRequest, last: _Position
) -> list[ReadMetricHistoryRequest]:
    """Return requests for the points after the last one: of its metric, its run, and other runs."""
    metric = _copy_request(request, [last.run_id], [last.key])
    if not request.max_points:  # a part of a range would be downsampled differently
        metric.start_step = last.step
    keys = request.metric_keys[:] or _metric_keys(connection, last.run_id)
    later_keys = sorted(key for key in keys if key > last.key)
    later_runs = request.run_ids[request.run_ids[:].index(last.run_id) + 1 :]
    rest = [metric]
    if later_keys:
        rest.append(_copy_request(request, [last.run_id], later_keys))
    if later_runs:
        rest.append(_copy_request(request, later_runs, request.metric_keys[:]))
    return rest


def _copy_request(
    request: ReadMetricHistoryRequest, run_ids: list[str], keys: list[str]
) -> ReadMetricHistoryRequest:
    copy = ReadMetricHistoryRequest()
    copy.CopyFrom(request)
    copy.run_ids[:] = run_ids
    copy.metric_keys[:] = keys
    return copy


def _metric_keys(connection: Connection, run_id: str) -> list[str]:
    request = GetRunRequest(run_id=run_id)
    run = connection.call(lambda stubs: stubs.runs.GetRun, request).run
    return [metric.key for metric in run.data.metrics]
