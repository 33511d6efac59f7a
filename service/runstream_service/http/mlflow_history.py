"""The history of a metric as MLflow's clients get it: all points in one answer (M6).

Clients of MLflow 2 do not page. So the answer is made and sent part after part, and a history of
any length takes the memory of one part.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runstream.errors import InvalidArgument, NotFound
from runstream.rules import INT64_MAX
from runstream.v1.metric_service_pb2 import GetMetricHistoryRequest
from runstream_service.http import mlflow
from runstream_service.http.decode import Decoder
from runstream_service.http.disconnect import answer_unless_disconnected, iterate_in_task
from runstream_service.http.encode import mlflow_double
from runstream_service.http.http_context import HttpContext
from runstream_service.rpc.metric_servicer import PAGE_POINTS, HistoryPage, MetricServicer

_PATH = "2.0/mlflow/metrics/get-history"

_decoder = Decoder(GetMetricHistoryRequest.DESCRIPTOR)


class _Part(NamedTuple):
    """Points as JSON with commas between them, how many, and the token of what comes after."""

    points: bytes
    length: int
    next_page_token: str


def history_routes(metrics: MetricServicer) -> Iterator[Route]:
    """Yield the route, under both of its paths (W4)."""

    async def answer(request: Request) -> Response:
        return await _answer(request, metrics)

    for prefix in (mlflow.API_PREFIX, mlflow.AJAX_PREFIX):
        yield Route(prefix + _PATH, answer)


async def _answer(request: Request, metrics: MetricServicer) -> Response:
    history: Any = _decoder.decode_query(request.query_params)
    if history.max_results < 0:
        raise InvalidArgument(
            f"Invalid value {history.max_results} for parameter 'max_results' supplied. "
            "It must be a positive integer.",
            reason="PAGE_SIZE_OUT_OF_RANGE",
            field="max_results",
            value=history.max_results,
            limit="1 or more, or 0 for all",
        )
    parts = _read_parts(metrics, history, HttpContext(request))
    try:
        first = await answer_unless_disconnected(request, anext(parts))
    except NotFound:  # which MLflow answers as an empty history
        first = _Part(b"", 0, "")
    if not first.length:
        return Response(b"{}", media_type="application/json")
    return StreamingResponse(_join_parts(first, parts), media_type="application/json")


async def _read_parts(
    metrics: MetricServicer, history: GetMetricHistoryRequest, context: HttpContext
) -> AsyncGenerator[_Part, None]:
    """Yield the parts of a history up to the number of points that is asked for."""
    left = history.max_results or INT64_MAX
    while True:
        history.max_results = min(left, PAGE_POINTS)
        part = await metrics.read_page(history, context, _encode_part)
        yield part
        left -= part.length
        if not (left and part.next_page_token):
            return
        history.page_token = part.next_page_token


def _encode_part(page: HistoryPage) -> _Part:
    points = [
        {"key": page.key, "value": mlflow_double(value), "timestamp": timestamp, "step": step}
        for step, timestamp, value in page.columns.rows()
    ]
    return _Part(orjson.dumps(points)[1:-1], len(points), page.next_page_token)


async def _join_parts(first: _Part, others: AsyncGenerator[_Part, None]) -> AsyncIterator[bytes]:
    """Yield the answer; it has a token if there may be points after the last part."""
    yield b'{"metrics":[' + first.points
    last = first
    async with aclosing(iterate_in_task(others)) as parts:
        async for part in parts:
            if part is not None:
                last = part
                if part.points:
                    yield b"," + part.points
    if last.next_page_token:
        token = orjson.dumps(last.next_page_token)
        yield b'],"next_page_token":' + token + b"}"
    else:
        yield b"]}"
