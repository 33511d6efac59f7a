"""MetricService: reading histories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from runstream.errors import InvalidArgument
from runstream.rules import INT64_MAX, INT64_MIN, check_key
from runstream.v1 import grouped_history_pb2 as grouped_pb
from runstream.v1 import metric_service_pb2 as pb
from runstream.v1.metric_service_pb2_grpc import MetricServiceServicer
from runstream_service.access.caller import Caller
from runstream_service.catalog import runs
from runstream_service.engine.readers import Readers
from runstream_service.points import history, run_histories
from runstream_service.points.columns import NO_POINTS, Columns, Position
from runstream_service.points.grouped_history import GroupedHistories
from runstream_service.points.history import Steps
from runstream_service.points.part_sums import SumCache
from runstream_service.points.timestamp_order import read_points_by_timestamp
from runstream_service.rpc import grouped_history, messages
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.history_smoothing import read_smoothing
from runstream_service.rpc.page_token import check_page_size, decode_page_token, encode_page_token

PAGE_POINTS = 25_000
MIN_POINTS = 10

#: Runs that one call for several runs may name, and the points to which it thins each history.
BULK_RUNS = 100
INTERVAL_POINTS = 2_500
DEFAULT_INTERVAL_POINTS = 320


T = TypeVar("T")

#: What ReadMetricHistory answers with, before it is a message.
HistoryPart = run_histories.Part


class HistoryPage(NamedTuple):
    """A page of the history of one metric, in columns."""

    key: str
    columns: Columns
    next_page_token: str


class MetricServicer(MetricServiceServicer):
    def __init__(self, readers: Readers, group_threads: int) -> None:
        """Prepare.

        Args:
            readers: threads that read.
            group_threads: how many of them read for one ReadGroupedHistory.
        """
        self._readers, self._group_threads = readers, group_threads
        self._sums = SumCache()

    async def read_page(
        self,
        request: pb.GetMetricHistoryRequest,
        context: CallContext,
        encode: Callable[[HistoryPage], T],
    ) -> T:
        """Return what `encode` makes of a page of a history, on the thread that reads the page.

        GetMetricHistory makes a message of it, and HTTP makes JSON for MLflow's clients. All pages
        but the first are reads that may take long, because there may be very many.
        """
        read = self._readers.long if request.page_token else self._readers.page
        position = _position(context.caller, request)
        return await read(_encode_page, context.caller, request, position, encode)

    async def GetMetricHistory(
        self, request: pb.GetMetricHistoryRequest, context: CallContext
    ) -> pb.GetMetricHistoryResponse:
        check_key("metric_key", request.metric_key)
        check_page_size(request.max_results, PAGE_POINTS)
        return await self.read_page(request, context, _page_message)

    async def GetMetricHistoryBulk(
        self, request: pb.GetMetricHistoryBulkRequest, context: CallContext
    ) -> pb.GetMetricHistoryBulkResponse:
        check_key("metric_key", request.metric_key)
        _check_runs("run_id", request.run_id)
        check_page_size(request.max_results, PAGE_POINTS)
        return await self._readers.page(_bulk_history, context.caller, request)

    async def GetMetricHistoryBulkInterval(
        self, request: pb.GetMetricHistoryBulkIntervalRequest, context: CallContext
    ) -> pb.GetMetricHistoryBulkIntervalResponse:
        check_key("metric_key", request.metric_key)
        _check_runs("run_ids", request.run_ids)
        check_page_size(request.max_results, INTERVAL_POINTS)
        max_points = request.max_results or DEFAULT_INTERVAL_POINTS
        points = max(MIN_POINTS, max_points)
        caller, keys = context.caller, [request.metric_key]
        run_ids = await self._readers.page(runs.existing_ids, caller, request.run_ids[:])
        reading = run_histories.read_parts(caller, run_ids, keys, _steps(request), points)
        answer = pb.GetMetricHistoryBulkIntervalResponse()
        while await self._readers.page(_add_parts, answer, reading, can_restart=False):
            pass
        if max_points < MIN_POINTS:
            return _thin_evenly(answer, max_points)
        return answer

    async def ReadMetricHistory(
        self, request: pb.ReadMetricHistoryRequest, context: CallContext
    ) -> AsyncIterator[Any]:
        async for part in self.read_parts(request, context, messages.history_part):
            yield part

    async def read_parts(
        self,
        request: pb.ReadMetricHistoryRequest,
        context: CallContext,
        encode: Callable[[HistoryPart], bytes],
    ) -> AsyncIterator[bytes]:
        """Yield what `encode` makes of the parts of histories, on the threads that read them.

        ReadMetricHistory makes messages of them, and HTTP makes JSON. What begins a history, and
        all of a thinned one, is a page; what follows may take long.
        """
        steps, run_ids = _check_history_request(request)
        keys, smoothing = list(request.metric_keys), read_smoothing(request)
        reading = run_histories.read_parts(
            context.caller, run_ids, keys, steps, request.max_points, smoothing
        )
        page = partial(self._readers.page, can_restart=False)
        following = asyncio.create_task(page(_encode_next_parts, reading, encode))
        has_more = True
        try:
            while has_more:
                parts, has_more = await following
                if has_more:  # it is read while the parts before are sent
                    read: Any = page if request.max_points else self._readers.long
                    following = asyncio.create_task(read(_encode_next_parts, reading, encode))
                for part in parts:
                    yield part
        finally:
            following.add_done_callback(_mark_retrieved)
            following.cancel()

    async def ReadGroupedHistory(
        self, request: grouped_pb.ReadGroupedHistoryRequest, context: CallContext
    ) -> grouped_pb.ReadGroupedHistoryResponse:
        reading = grouped_history.read_request(context.caller, request, self._sums)
        async with self._readers.computation("grouping"):
            await self._read_groups(reading)
            return await self._readers.page(grouped_history.make_answer, reading, request)

    async def _read_groups(self, reading: GroupedHistories) -> None:
        while await self._readers.page(reading.find, can_restart=False):
            pass
        await self._readers.page(reading.align)
        threads = range(self._group_threads)
        workers = [asyncio.create_task(self._read_all(reading)) for _ in threads]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    async def _read_all(self, reading: GroupedHistories) -> None:
        while await self._readers.page(reading.read, can_restart=False):
            pass


def _mark_retrieved(reading: asyncio.Task[Any]) -> None:
    # The caller has gone, and asyncio logs an error that nobody retrieves.
    if not reading.cancelled():
        reading.exception()


def _encode_next_parts(
    reading: Iterator[HistoryPart], encode: Callable[[HistoryPart], bytes]
) -> tuple[list[bytes], bool]:
    parts, has_more = run_histories.next_parts(reading)
    return [encode(part) for part in parts], has_more


def _encode_page(
    caller: Caller,
    request: pb.GetMetricHistoryRequest,
    after: Position | None,
    encode: Callable[[HistoryPage], T],
) -> T:
    series = history.series_of_run(caller, request.run_id, [request.metric_key])
    if not series:
        return encode(HistoryPage(request.metric_key, NO_POINTS, ""))
    by_timestamp = request.order == pb.POINT_ORDER_BY_TIMESTAMP
    points = read_points_by_timestamp if by_timestamp else history.read_points
    columns, more = points(series[0].id, request.max_results or PAGE_POINTS, after)
    token = encode_page_token(_page_query(caller, request), more) if more else ""
    return encode(HistoryPage(request.metric_key, columns, token))


def _page_message(page: HistoryPage) -> pb.GetMetricHistoryResponse:
    return pb.GetMetricHistoryResponse(
        metrics=messages.metrics(page.key, page.columns), next_page_token=page.next_page_token
    )


def _bulk_history(
    caller: Caller, request: pb.GetMetricHistoryBulkRequest
) -> pb.GetMetricHistoryBulkResponse:
    answer = pb.GetMetricHistoryBulkResponse()
    left = request.max_results or PAGE_POINTS
    for run_id in sorted(runs.existing_ids(caller, request.run_id[:])):
        for series in history.series_of_run(caller, run_id, [request.metric_key]):
            if left:
                columns, _ = read_points_by_timestamp(series.id, left)
                answer.metrics.extend(messages.metrics_with_run_id(run_id, series.key, columns))
                left -= columns.size
    return answer


def _add_parts(
    answer: pb.GetMetricHistoryBulkIntervalResponse, reading: Iterator[HistoryPart]
) -> bool:
    """Add the next parts to an answer; return whether more may follow."""
    parts, has_more = run_histories.next_parts(reading)
    for part in parts:
        answer.metrics.extend(messages.metrics_with_run_id(part.run_id, part.key, part.columns))
    return has_more


def _check_history_request(request: pb.ReadMetricHistoryRequest) -> tuple[Steps, list[str]]:
    for key in request.metric_keys:
        check_key("metric_keys", key)
    if bool(request.run_id) == bool(request.run_ids):
        raise InvalidArgument(
            "Missing value for required parameter 'run_id': "
            "either this or 'run_ids' must name the runs",
            reason="RUN_IDS_MISSING" if not request.run_id else "RUN_IDS_CONFLICT",
            field="run_id",
            limit="either run_id or run_ids",
        )
    if request.max_points and request.max_points < MIN_POINTS:
        raise InvalidArgument(
            f"Invalid value {request.max_points} for parameter 'max_points' supplied: "
            f"it must be {MIN_POINTS} or more, or 0 for all points",
            reason="MAX_POINTS_OUT_OF_RANGE",
            field="max_points",
            value=request.max_points,
            limit=MIN_POINTS,
        )
    return _steps(request), list(request.run_ids) or [request.run_id]


def _thin_evenly(
    answer: pb.GetMetricHistoryBulkIntervalResponse, max_points: int
) -> pb.GetMetricHistoryBulkIntervalResponse:
    """Keep some points of each run: the last, the first, and others evenly between them."""
    thinned = pb.GetMetricHistoryBulkIntervalResponse()
    for _, of_run in groupby(answer.metrics, lambda point: point.run_id):
        points = list(of_run)
        last = len(points) - 1
        if max_points == 1:
            points = points[-1:]
        elif last >= max_points:
            points = [points[i * last // (max_points - 1)] for i in range(max_points)]
        thinned.metrics.extend(points)
    return thinned


def _steps(
    request: pb.ReadMetricHistoryRequest | pb.GetMetricHistoryBulkIntervalRequest,
) -> Steps:
    return Steps(
        request.start_step if request.HasField("start_step") else INT64_MIN,
        request.end_step if request.HasField("end_step") else INT64_MAX,
    )


def _check_runs(field: str, run_ids: Sequence[str]) -> None:
    if not 0 < len(run_ids) <= BULK_RUNS:
        raise InvalidArgument(
            f"Invalid value {len(run_ids)} for parameter '{field}' supplied: "
            f"it must name 1 to {BULK_RUNS} runs",
            reason="RUN_IDS_OUT_OF_RANGE",
            field=field,
            value=len(run_ids),
            limit=BULK_RUNS,
        )


def _position(caller: Caller, request: pb.GetMetricHistoryRequest) -> Position | None:
    position = decode_page_token(_page_query(caller, request), request.page_token, 3)
    return None if position is None else Position(*position)


def _page_query(caller: Caller, request: pb.GetMetricHistoryRequest) -> list[str | bool]:
    by_timestamp = request.order == pb.POINT_ORDER_BY_TIMESTAMP
    return [caller.name, request.run_id, request.metric_key, by_timestamp]
