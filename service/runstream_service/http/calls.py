"""Unary RPCs over HTTP: any that has a route."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

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

# What is larger takes some milliseconds.
_LARGE_REQUEST = 512 * 1024
_LARGE_ANSWER = 64 * 1024

Method = Callable[[Message, None], Awaitable[Message]]
Result = TypeVar("Result")


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

    async def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            RunstreamError: as the servicer, or because the request is malformed.
        """
        if self._has_body:
            body = await _body(request)
            large = len(body) > _LARGE_REQUEST
            asked = await _run(large, self._of_body, body, request.path_params)
        else:
            asked = self._decoder.of_query(request.query_params, **request.path_params)
        answer = await self._method(asked, None)
        large = answer.ByteSize() > _LARGE_ANSWER
        return Response(await _run(large, self._json, answer), media_type="application/json")

    def _of_body(self, body: bytes, path: Mapping[str, str]) -> Message:
        said = _parsed(body)
        return self._decoder.message({**said, **path} if isinstance(said, dict) else said)

    def _json(self, answer: Message) -> bytes:
        return orjson.dumps(self._encoder(answer))


async def _run(on_thread: bool, work: Callable[..., Result], *arguments: Any) -> Result:
    """Do some work, on a thread if it is so much that others would have to wait for it."""
    return await asyncio.to_thread(work, *arguments) if on_thread else work(*arguments)


async def _body(request: Request) -> bytes:
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
    return bytes(body)


def _parsed(body: bytes) -> Any:
    """Return the JSON of a body; an empty object, if there is none."""
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
