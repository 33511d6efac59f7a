"""The Starlette application: all routes, and the handlers of their errors."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runstream.errors import RunstreamError
from runstream_service.http import errors
from runstream_service.http.bodies import Bodies
from runstream_service.http.contract import Contract
from runstream_service.http.downloads import Downloads
from runstream_service.http.guard import Guard
from runstream_service.http.hosts import Hosts
from runstream_service.http.interface import interface_routes
from runstream_service.http.json_executors import JsonExecutors
from runstream_service.http.mlflow_artifacts import ArtifactProxy
from runstream_service.http.mlflow_history import history_routes
from runstream_service.http.mlflow_routes import mlflow_only_routes
from runstream_service.http.openapi_page import openapi_routes
from runstream_service.http.rpc_routes import rpc_routes
from runstream_service.http.streams import stream_routes


def build_application(servicers: Mapping[str, Any], hosts: Hosts) -> Starlette:
    """Return the application.

    Args:
        servicers: the servicers of the contract, by the full name of the service.
        hosts: the names under which the server is reached.
    """
    metrics = servicers["runstream.v1.MetricService"]
    artifacts = servicers["runstream.v1.ArtifactService"]
    contract, bodies, threads = Contract(), Bodies(), JsonExecutors()
    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/version", _version),
            *openapi_routes(contract),
            *history_routes(metrics),
            *rpc_routes(contract, servicers, bodies, threads),
            *stream_routes(
                servicers["runstream.v1.LoggingService"],
                metrics,
                servicers["runstream.v1.WatchService"],
                bodies,
                threads,
            ),
            *ArtifactProxy(artifacts).routes(),
            *Downloads(artifacts).routes(),
            *interface_routes(),
            *mlflow_only_routes(),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={
            RunstreamError: errors.answer_runstream_error,
            HTTPException: errors.answer_http_error,
            ClientDisconnect: errors.answer_disconnect,
            Exception: errors.answer_internal_error,
        },
    )


async def _health(request: Request) -> Response:
    return PlainTextResponse("OK")


async def _version(request: Request) -> Response:
    return PlainTextResponse(version("runstream"))
