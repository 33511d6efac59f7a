"""Every route of HTTP: none but the open ones answers one who does not say who they are."""

from __future__ import annotations

import re

import pytest
import requests

from runstream_service.http.authenticate import OPEN_PATHS
from support.access import GuardedServer
from support.http_routes import routes

ASSET = "/assets/{name}"

#: The routes that answer to everybody, which is to be decided here for each one that is added.
OPEN = {
    "/",
    ASSET,
    "/health",
    "/ready",
    "/sign-in",
    "/sign-in/callback",
    "/sign-in/start",
    "/sign-in/token",
    "/sign-out",
}

GUARDED = [(method, path) for method, path in routes() if path not in OPEN and method != "HEAD"]


def test_no_route_is_open_but_those_named_here() -> None:
    assert OPEN_PATHS | {ASSET} == OPEN


@pytest.mark.sqlite
def test_a_route_answers_nobody_without_a_token(guarded: GuardedServer) -> None:
    assert len(GUARDED) > 100
    with requests.Session() as session:
        for method, path in GUARDED:
            url = f"{guarded.server.http}{filled(path)}"
            answer = session.request(method, url, timeout=60, allow_redirects=False)
            assert (method, path, answer.status_code) == (method, path, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "spelling", ["//{}", "/./{}", "/assets/../{}", "/assets/%2e%2e/{}", "/health/../{}"]
)
def test_another_spelling_of_a_path_opens_no_route(guarded: GuardedServer, spelling: str) -> None:
    paths = {path for method, path in GUARDED if method == "GET" and "/runstream/" in path}
    with requests.Session() as session:
        for path in paths:
            request = requests.Request("GET", guarded.server.http).prepare()
            # As it is: a URL that is given to `Request` is put right.
            request.url = guarded.server.http + spelling.format(filled(path).lstrip("/"))
            answer = session.send(request, timeout=60, allow_redirects=False)
            assert (request.url, answer.status_code) == (request.url, 401)


def filled(path: str) -> str:
    """Return a path with something in place of its parameters."""
    return re.sub(r"{[^}]*}", "x", path)
