"""The routes of HTTP, from the application itself."""

from __future__ import annotations

from typing import Any, cast

from starlette.routing import Route

from runstream_service.http.app import build_application
from runstream_service.http.hosts import Hosts
from runstream_service.http.operation import Operation
from runstream_service.rpc.call_counts import CallCounts


def routes() -> list[tuple[str, str]]:
    """Return the routes of the application, each with its methods."""

    class Anything:
        def __getattr__(self, name: str) -> Any:
            return None

    class Servicers(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            return Anything()

    operation = Operation(
        unready_reason=cast("Any", None), render_metrics=cast("Any", None), calls=CallCounts()
    )
    app = build_application(
        Servicers(),
        operation,
        Hosts("127.0.0.1", []),
        cast("Any", None),
        cast("Any", None),
        cast("Any", None),
        (),
    )
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
    ]
