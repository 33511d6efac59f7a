"""The Starlette application: all routes, and the handlers of their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from runstream.errors import RunstreamError
from runstream_service.access.audit import AuditLog
from runstream_service.access.authentication import Authentication
from runstream_service.access.limits import CallerLimits
from runstream_service.http import errors
from runstream_service.http.audit import Audit
from runstream_service.http.authenticate import Authenticate
from runstream_service.http.bodies import Bodies
from runstream_service.http.contract import Contract
from runstream_service.http.downloads import Downloads
from runstream_service.http.guard import Guard
from runstream_service.http.history_csv import csv_routes
from runstream_service.http.hosts import Hosts
from runstream_service.http.interface import interface_routes
from runstream_service.http.json_executors import JsonExecutors
from runstream_service.http.mlflow_artifacts import ArtifactProxy
from runstream_service.http.mlflow_history import history_routes
from runstream_service.http.mlflow_routes import mlflow_only_routes
from runstream_service.http.openapi_page import openapi_routes
from runstream_service.http.operation import Operation
from runstream_service.http.operation_routes import operation_routes
from runstream_service.http.rpc_routes import rpc_routes
from runstream_service.http.sign_in import sign_in_routes
from runstream_service.http.streams import stream_routes


def build_application(
    servicers: Mapping[str, Any],
    operation: Operation,
    hosts: Hosts,
    authentication: Authentication,
    limits: CallerLimits,
    audit: AuditLog,
    frame_ancestors: Sequence[str],
) -> Starlette:
    """Return the application.

    Args:
        servicers: the servicers of the contract, by the full name of the service.
        operation: what those who operate the server ask it.
        hosts: the names under which the server is reached.
        authentication: finds out who sends a request.
        limits: those of each caller.
        audit: records changes.
        frame_ancestors: the origins whose pages may show the interface in a frame.
    """
    metrics = servicers["runstream.v1.MetricService"]
    artifacts = servicers["runstream.v1.ArtifactService"]
    contract, bodies, threads = Contract(), Bodies(), JsonExecutors()
    application = Starlette(
        routes=[
            *operation_routes(operation),
            *openapi_routes(contract),
            *history_routes(metrics),
            *csv_routes(metrics),
            *rpc_routes(contract, servicers, bodies, threads, operation.calls),
            *stream_routes(
                servicers["runstream.v1.LoggingService"],
                metrics,
                servicers["runstream.v1.WatchService"],
                bodies,
                threads,
            ),
            *ArtifactProxy(artifacts).routes(),
            *Downloads(artifacts).routes(),
            *sign_in_routes(authentication, limits),
            *interface_routes(frame_ancestors),
            *mlflow_only_routes(),
        ],
        middleware=[
            Middleware(Guard, hosts=hosts),
            Middleware(Audit, audit=audit),
            Middleware(Authenticate, authentication=authentication, limits=limits),
        ],
        exception_handlers={
            RunstreamError: errors.answer_runstream_error,
            HTTPException: errors.answer_http_error,
            ClientDisconnect: errors.answer_disconnect,
            Exception: errors.answer_internal_error,
        },
    )
    # A redirect that only takes a slash away would name the server as a proxy calls it.
    application.router.redirect_slashes = False
    return application
