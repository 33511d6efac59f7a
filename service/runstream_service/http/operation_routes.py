"""What those who operate the server ask it: its health, its metrics, its version."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runstream_service.http.operation import Operation


def operation_routes(operation: Operation) -> Iterator[Route]:
    """Yield the routes."""

    async def ready(request: Request) -> Response:
        reason = await operation.unready_reason()
        return PlainTextResponse(
            reason or "OK", 503 if reason else 200, {"cache-control": "no-store"}
        )

    yield Route("/health", _health)

    async def metrics(request: Request) -> Response:
        page, media_type = await operation.render_metrics(request.headers.get("accept", ""))
        return Response(page, headers={"content-type": media_type})

    yield Route("/ready", ready)
    yield Route("/metrics", metrics)
    yield Route("/version", _version)


async def _health(request: Request) -> Response:
    return PlainTextResponse("OK")


async def _version(request: Request) -> Response:
    return PlainTextResponse(version("runstream"))
