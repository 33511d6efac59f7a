"""The OpenAPI document at `/openapi.json`, and at `/openapi` a page to read it and to try calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from swagger_ui_bundle import swagger_ui_path

from runstream_service.http.contract import Contract
from runstream_service.http.openapi import Document
from runstream_service.http.static_files import StaticFile, load_files, make_file, static_response

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Runstream API</title>
<link rel="stylesheet" href="openapi/static/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="openapi/static/swagger-ui-bundle.js"></script>
<script src="openapi/start.js"></script>
</body>
</html>
"""

# The page loads files of this server alone; pictures are in the stylesheet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
});
"""


def openapi_routes(contract: Contract) -> Iterator[Route]:
    """Yield the routes of the document and its page."""
    files = {
        "openapi.json": make_file(orjson.dumps(Document(contract).build()), "application/json"),
        "openapi": make_file(_PAGE.encode(), "text/html"),
        "start.js": make_file(_START.encode(), "text/javascript"),
    }

    def route(path: str, name: str, headers: Mapping[str, str]) -> Route:
        async def answer(request: Request) -> Response:
            return static_response(files, name, request, {"cache-control": "no-cache", **headers})

        return Route(path, answer)

    yield route("/openapi.json", "openapi.json", {})
    yield route("/openapi", "openapi", {"content-security-policy": _POLICY})
    yield route("/openapi/start.js", "start.js", {})
    yield Route("/openapi/static/{name}", _static_file)
    yield Route("/openapi/", _without_slash)


async def _static_file(request: Request) -> Response:
    headers = {"cache-control": "public, max-age=3600"}
    return static_response(_swagger_ui(), request.path_params["name"], request, headers)


async def _without_slash(request: Request) -> Response:
    return RedirectResponse("../openapi")


@cache
def _swagger_ui() -> dict[str, StaticFile]:
    """Return what the page loads of Swagger UI."""
    folder = Path(swagger_ui_path)
    return load_files(folder / name for name in ("swagger-ui.css", "swagger-ui-bundle.js"))
