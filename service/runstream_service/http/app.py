"""HTTP as one application of Starlette: all routes, and what is done with their errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from runstream.errors import RunstreamError
from runstream_service.http import errors, mlflow
from runstream_service.http.bodies import Bodies
from runstream_service.http.contract import Contract
from runstream_service.http.downloads import Downloads
from runstream_service.http.guard import Guard
from runstream_service.http.hosts import Hosts
from runstream_service.http.interface import interface_routes
from runstream_service.http.json_executors import JsonExecutors
from runstream_service.http.mlflow_artifacts import ArtifactProxy
from runstream_service.http.mlflow_history import history_routes
from runstream_service.http.openapi_page import openapi_routes
from runstream_service.http.rpc_routes import rpc_routes
from runstream_service.http.streams import stream_routes

_PROXY = "2.0/mlflow-artifacts/artifacts"


def build_application(servicers: Mapping[str, Any], hosts: Hosts) -> Starlette:
    """Return the application.

    Args:
        servicers: the servicers of the contract, by the full name of the service.
        hosts: the names under which the server is reached.
    """
    metrics = servicers["runstream.v1.MetricService"]
    artifacts = servicers["runstream.v1.ArtifactService"]
    proxy, downloads = ArtifactProxy(artifacts), Downloads(artifacts)
    contract, bodies, threads = Contract(), Bodies(), JsonExecutors()
    return Starlette(
        routes=[
            Route("/health", _health),
            Route("/version", _version),
            Route("/get-artifact", proxy.get),
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
            *_artifact_routes(proxy),
            *downloads.routes(),
            *interface_routes(),
            *_mlflow_only_routes(),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={
            RunstreamError: errors.answer_runstream_error,
            HTTPException: errors.answer_http_error,
            ClientDisconnect: errors.answer_disconnect,
            Exception: errors.answer_internal_error,
        },
    )


def _artifact_routes(proxy: ArtifactProxy) -> Iterator[Route]:
    for prefix in (mlflow.API_PREFIX, mlflow.AJAX_PREFIX):
        path = prefix + _PROXY
        yield Route(path, proxy.list)
        yield Route(path + "/{path:path}", proxy.download)
        yield Route(path + "/{path:path}", proxy.upload, methods=["PUT"])
        yield Route(path + "/{path:path}", proxy.delete, methods=["DELETE"])


def _mlflow_only_routes() -> Iterator[Route]:
    """Yield the routes that MLflow alone has: `server-info`, and those that answer 501."""
    for prefix in (mlflow.API_PREFIX, mlflow.AJAX_PREFIX):
        yield Route(prefix + "3.0/mlflow/server-info", _server_info)
        for part in mlflow.NO_DIRECT_STORAGE:
            path = f"{prefix}2.0/mlflow-artifacts/{part}/{{rest:path}}"
            yield Route(path, _no_direct_storage, methods=_ALL)
        for number in ("2.0", "3.0"):
            for way in ("upload", "download"):
                path = f"{prefix}{number}/mlflow/artifacts/presigned-{way}-url"
                yield Route(path, _no_direct_storage, methods=_ALL)
            for part in mlflow.NOT_IMPLEMENTED:
                for path in (f"{number}/mlflow/{part}", f"{number}/mlflow/{part}/{{rest:path}}"):
                    yield Route(prefix + path, _not_implemented, methods=_ALL)


_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def _health(request: Request) -> Response:
    return PlainTextResponse("OK")


async def _version(request: Request) -> Response:
    return PlainTextResponse(version("runstream"))


async def _server_info(request: Request) -> Response:
    return JSONResponse({"store_type": "SqlStore", "workspaces_enabled": False})


async def _no_direct_storage(request: Request) -> Response:
    part = request.url.path.split("/mlflow-artifacts/", 1)[-1].split("/", 1)[0]
    text = mlflow.NO_DIRECT_STORAGE.get(part, mlflow.NO_DIRECT_STORAGE["presigned"])
    return errors.error_response(501, "NOT_IMPLEMENTED", text)


async def _not_implemented(request: Request) -> Response:
    part = request.url.path.split("/mlflow/", 1)[1].split("/", 1)[0]
    what = mlflow.NOT_IMPLEMENTED[part]
    return errors.error_response(501, "NOT_IMPLEMENTED", f"Runstream does not have {what}")
