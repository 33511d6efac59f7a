"""MetricService: reading histories."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

from runstream.errors import InvalidArgument
from runstream.rules import check_key
from runstream.v1 import metric_service_pb2 as pb
from runstream.v1.metric_service_pb2_grpc import MetricServiceServicer
from runstream_service import messages
from runstream_service.store import history
from runstream_service.store.readers import Readers

PAGE_POINTS = 25_000
TABLE_POINTS = 16_384


class Metrics(MetricServiceServicer):
    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def GetMetricHistory(
        self, request: pb.GetMetricHistoryRequest, context: Any
    ) -> pb.GetMetricHistoryResponse:
        check_key("metric_key", request.metric_key)
        if not 0 <= request.max_results <= PAGE_POINTS:
            raise InvalidArgument(
                f"Invalid value {request.max_results} for parameter 'max_results' supplied: "
                f"it must be 1 to {PAGE_POINTS}, or 0 for the default",
                reason="PAGE_SIZE_OUT_OF_RANGE",
                field="max_results",
                value=request.max_results,
                limit=PAGE_POINTS,
            )
        after = _position(request)
        series = await self._readers.run(history.series_of, request.run_id, [request.metric_key])
        if not series:
            return pb.GetMetricHistoryResponse()
        columns, more = await self._readers.run(
            history.points, series[0].id, request.max_results or PAGE_POINTS, after
        )
        return pb.GetMetricHistoryResponse(
            metrics=messages.metrics(request.metric_key, columns),
            next_page_token=_token(request, more) if more else "",
        )

    async def ReadMetricHistory(
        self, request: pb.ReadMetricHistoryRequest, context: Any
    ) -> AsyncIterator[pb.ReadMetricHistoryResponse]:
        for key in request.metric_keys:
            check_key("metric_keys", key)
        keys = list(request.metric_keys)
        for series in await self._readers.run(history.series_of, request.run_id, keys):
            parts = [self._part(series.id, None)]
            while parts:
                columns, more = await parts.pop()
                if more is not None:  # the next part is read while this one is on its way
                    parts.append(self._part(series.id, more))
                if columns.step:
                    table = messages.metric_table(series.key, columns)
                    yield pb.ReadMetricHistoryResponse(metrics=table)

    def _part(
        self, series: int, after: history.Position | None
    ) -> asyncio.Task[tuple[history.Columns, history.Position | None]]:
        reading = self._readers.run(history.points, series, TABLE_POINTS, after)
        return asyncio.create_task(reading)


def _token(request: pb.GetMetricHistoryRequest, position: history.Position) -> str:
    return urlsafe_b64encode(
        json.dumps([request.run_id, request.metric_key, *position]).encode()
    ).decode()


def _position(request: pb.GetMetricHistoryRequest) -> history.Position | None:
    if not request.page_token:
        return None
    try:
        run_id, key, step, timestamp, value = json.loads(urlsafe_b64decode(request.page_token))
        if (run_id, key) == (request.run_id, request.metric_key):
            return history.Position(int(step), int(timestamp), value)
    except (ValueError, TypeError):
        pass
    raise InvalidArgument(
        f"Invalid value {request.page_token!r} for parameter 'page_token' supplied: "
        "it was made for another request",
        reason="PAGE_TOKEN_MISMATCH",
        field="page_token",
        value=request.page_token,
        limit="a next_page_token of the same request",
    )
