"""Unary RPCs over HTTP: all that have a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from runstream.errors import RunstreamError
from runstream_service.http import mlflow
from runstream_service.http.audit import name_rpc
from runstream_service.http.bodies import Bodies
from runstream_service.http.contract import Contract, Rpc
from runstream_service.http.decode import Decoder
from runstream_service.http.disconnect import answer_unless_disconnected
from runstream_service.http.encode import Encoder, mlflow_double, protobuf_double
from runstream_service.http.http_context import HttpContext
from runstream_service.http.json_executors import JsonExecutors
from runstream_service.http.json_text import read_json
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.call_counts import CallCounts, MethodCounts

#: Bytes of a body, the limit of gRPC messages too; a batch of MLflow's clients has at most 1 MB.
#: The parser in C holds the interpreter until it is done, so this also bounds how long others wait.
BODY_BYTES = 4 * 1024 * 1024
#: The same where a body holds datasets, whose profiles may be very long (P4).
DATASETS_BYTES = 24 * 1024 * 1024

Method = Callable[[Message, CallContext], Awaitable[Message]]
Endpoint = Callable[[Request], Awaitable[Response]]


def rpc_routes(
    contract: Contract,
    servicers: Mapping[str, Any],
    bodies: Bodies,
    threads: JsonExecutors,
    counts: CallCounts,
) -> Iterator[Route]:
    """Yield the routes of all RPCs, those of MLflow under both of their paths (W4).

    Args:
        contract: the contract.
        servicers: what answers, by the full name of the service.
        bodies: the bodies that are held.
        threads: read and write large messages.
        counts: counts the calls.
    """
    for rpc in contract.rpcs:
        call = RpcEndpoint(rpc, getattr(servicers[rpc.service], rpc.name), bodies, threads)
        name = f"{rpc.service.rpartition('.')[2]}/{rpc.name}"
        answer = _counted(call.answer, counts["http", name])
        yield Route(rpc.path, answer, methods=[rpc.verb])
        if rpc.path.startswith(mlflow.MLFLOW_PATHS):
            twin = mlflow.AJAX_PREFIX + rpc.path.removeprefix(mlflow.API_PREFIX)
            yield Route(twin, answer, methods=[rpc.verb])


def _counted(answer: Endpoint, counts: MethodCounts) -> Endpoint:
    """Return an endpoint that counts its calls, by the codes of gRPC."""

    async def counted(request: Request) -> Response:
        began, code = counts.begin(), "CANCELLED"
        try:
            response = await answer(request)
        except Exception as error:
            code = _code(error)
            raise
        else:
            code = "OK"
            return response
        finally:
            counts.end(began, code)

    return counted


def _code(error: Exception) -> str:
    if isinstance(error, RunstreamError):
        return error.code.name
    return "CANCELLED" if isinstance(error, ClientDisconnect) else "INTERNAL"


class RpcEndpoint:
    """One RPC over HTTP."""

    def __init__(self, rpc: Rpc, method: Method, bodies: Bodies, threads: JsonExecutors) -> None:
        """Prepare.

        Args:
            rpc: the RPC.
            method: what answers it.
            bodies: the bodies that are held.
            threads: read and write large messages.
        """
        is_mlflow = rpc.path.startswith(mlflow.MLFLOW_PATHS)
        double = mlflow_double if is_mlflow else protobuf_double
        self._adjust = mlflow.ADJUST.get(rpc.request.name) if is_mlflow else None
        self._method = method
        self._name = rpc.name
        self._has_body = rpc.has_body
        self._limit = DATASETS_BYTES if rpc.request.name == "LogInputsRequest" else BODY_BYTES
        self._bodies = bodies
        self._threads = threads
        self._decoder = Decoder(rpc.request)
        self._encoder = Encoder(rpc.response, double)

    async def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            RunstreamError: as the servicer, or because the request is malformed.
        """
        if self._has_body:
            async with self._bodies.hold(request, self._limit) as body:
                message = await self._threads.read(
                    len(body), self._of_body, body, request.path_params
                )
            del body  # it may be large, and the answer takes its time
        else:
            message = self._decoder.decode_query(request.query_params, **request.path_params)
        if self._adjust is not None:
            self._adjust(message)
        name_rpc(request.scope, self._name, message)
        answer = await answer_unless_disconnected(
            request, self._method(message, HttpContext(request))
        )
        content = await self._threads.write(answer.ByteSize(), self._json, answer)
        return Response(content, media_type="application/json")

    def _of_body(self, body: bytearray, path: Mapping[str, str]) -> Message:
        values = read_json(body, "body") if body else {}
        return self._decoder.decode({**values, **path} if isinstance(values, dict) else values)

    def _json(self, answer: Message) -> bytes:
        return orjson.dumps(self._encoder(answer))
