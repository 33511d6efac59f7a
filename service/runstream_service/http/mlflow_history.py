"""The history of a metric as MLflow's clients get it: all points in one answer (M6).

Clients of MLflow 2 do not page. So the answer is made and sent part after part, and a history of
any length takes the memory of one part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runstream.errors import InvalidArgument, NotFound
from runstream.rules import INT64_MAX
from runstream.v1.metric_service_pb2 import GetMetricHistoryRequest
from runstream_service.engine.readers import Readers
from runstream_service.http import mlflow
from runstream_service.http.decode import Decoder
from runstream_service.http.disconnect import iterate_in_task
from runstream_service.http.encode import mlflow_double
from runstream_service.points import history
from runstream_service.points.history import Position
from runstream_service.rpc.page_token import decode_page_token, encode_page_token

_PATH = "2.0/mlflow/metrics/get-history"
_PART_POINTS = 25_000

_decode = Decoder(GetMetricHistoryRequest.DESCRIPTOR)


class _Part(NamedTuple):
    """Points as JSON with commas between them, how many, and where to go on."""

    points: bytes
    length: int
    after: Position | None


def history_routes(readers: Readers) -> Iterator[Route]:
    """Yield the route, under both of its paths (W4)."""

    async def answer(request: Request) -> Response:
        return await _answer(request, readers)

    for prefix in (mlflow.API_PREFIX, mlflow.AJAX_PREFIX):
        yield Route(prefix + _PATH, answer)


async def _answer(request: Request, readers: Readers) -> Response:
    message: Any = _decode.decode_query(request.query_params)
    if message.max_results < 0:
        raise InvalidArgument(
            f"Invalid value {message.max_results} for parameter 'max_results' supplied. "
            "It must be a positive integer.",
            reason="PAGE_SIZE_OUT_OF_RANGE",
            field="max_results",
            value=message.max_results,
            limit="1 or more, or 0 for all",
        )
    query = [message.run_id, message.metric_key, "MLflow"]
    place = decode_page_token(query, message.page_token, 3)
    try:
        series = await readers.run(history.series_of, message.run_id, [message.metric_key])
    except NotFound:  # which MLflow says by an empty answer
        series = []
    if not series:
        return Response(b"{}", media_type="application/json")
    limit = message.max_results or INT64_MAX
    after = None if place is None else Position(*place)
    reading = _read(readers, series[0].id, message.metric_key, limit, after)
    first = await anext(reading)
    return StreamingResponse(_json(first, reading, query), media_type="application/json")


async def _read(
    readers: Readers, series: int, key: str, limit: int, after: Position | None
) -> AsyncIterator[_Part]:
    while True:
        part = await readers.run(_part, series, key, min(limit, _PART_POINTS), after)
        limit -= part.length
        after = part.after
        yield part
        if after is None or not limit:
            return


def _part(series: int, key: str, limit: int, after: Position | None) -> _Part:
    columns, more = history.points_by_timestamp(series, limit, after)
    points = [
        {"key": key, "value": mlflow_double(value), "timestamp": timestamp, "step": step}
        for step, timestamp, value in zip(*columns, strict=True)
    ]
    return _Part(orjson.dumps(points)[1:-1], len(points), more)


async def _json(
    first: _Part, others: AsyncIterator[_Part], query: list[str]
) -> AsyncIterator[bytes]:
    """Yield the answer; it has a token if there may be points after the last part."""
    yield b'{"metrics":[' + first.points
    last = first
    reading: Any = others
    async with aclosing(iterate_in_task(reading)) as parts:
        async for part in parts:
            if part is not None:
                last = part
                if part.points:
                    yield b"," + part.points
    if last.after is None:
        yield b"]}"
    else:
        token = orjson.dumps(encode_page_token(query, last.after))
        yield b'],"next_page_token":' + token + b"}"
