"""Unary RPCs over HTTP: any that has a route."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runstream_service.http import mlflow
from runstream_service.http.contract import Contract, Rpc
from runstream_service.http.decode import Decoder
from runstream_service.http.encode import Encoder, as_mlflow, exact
from runstream_service.http.errors import BadRequest

#: Bytes of a body: the largest dataset (P4), with room for what JSON makes of it.
BODY_BYTES = 64 * 1024 * 1024

# A larger answer is made on a thread, so that nobody else waits for it.
_LARGE_BYTES = 64 * 1024

Method = Callable[[Message, None], Awaitable[Message]]


def routes(contract: Contract, servicers: Mapping[str, Any]) -> Iterator[Route]:
    """Yield the routes of all RPCs, those of MLflow under both of their paths (W4).

    Args:
        contract: the contract.
        servicers: what answers, by the full name of the service.
    """
    for rpc in contract.rpcs:
        call = Call(rpc, getattr(servicers[rpc.service], rpc.name))
        yield Route(rpc.path, call.answer, methods=[rpc.verb])
        if rpc.path.startswith(mlflow.MLFLOW_PATHS):
            twin = mlflow.TWIN + rpc.path.removeprefix(mlflow.PREFIX)
            yield Route(twin, call.answer, methods=[rpc.verb])


class Call:
    """One RPC over HTTP."""

    def __init__(self, rpc: Rpc, method: Method) -> None:
        double = as_mlflow if rpc.path.startswith(mlflow.MLFLOW_PATHS) else exact
        self._method = method
        self._has_body = rpc.has_body
        self._decoder = Decoder(rpc.request)
        self._encoder = Encoder(rpc.response, double)
        self._lists = {
            name for f in rpc.request.fields if f.is_repeated for name in (f.name, f.camelcase_name)
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            RunstreamError: as the servicer, or because the request is malformed.
        """
        said = await body_of(request) if self._has_body else self._query(request)
        if request.path_params:
            said = {**said, **request.path_params} if isinstance(said, dict) else said
        answer = await self._method(self._decoder.message(said), None)
        if answer.ByteSize() > _LARGE_BYTES:
            content = await asyncio.to_thread(self._json, answer)
        else:
            content = self._json(answer)
        return Response(content, media_type="application/json")

    def _json(self, answer: Message) -> bytes:
        return orjson.dumps(self._encoder(answer))

    def _query(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        return {name: query.getlist(name) if name in self._lists else query[name] for name in query}


async def body_of(request: Request) -> Any:
    """Return the JSON of a request; an empty object, if it has no body.

    Raises:
        BadRequest: it is no JSON, or too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise BadRequest(
                f"The body is larger than {BODY_BYTES} bytes",
                reason="BODY_TOO_LARGE",
                field="body",
                limit=BODY_BYTES,
            )
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body)  # which knows NaN and Infinity, as Python writes them
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"The body is not JSON: {error}", reason="BODY_MALFORMED", field="body"
        ) from None
