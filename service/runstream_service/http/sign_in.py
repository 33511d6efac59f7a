"""Signing in to the interface and out of it; whoever is signed in has a cookie.

These routes are open to everybody, and `Guard` keeps pages of other sites from using them.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from runstream.errors import FailedPrecondition, InvalidArgument, RunstreamError, Unauthenticated
from runstream_service.access.authentication import Authentication
from runstream_service.access.caller import Caller
from runstream_service.access.limits import CallerLimits
from runstream_service.access.sessions import COOKIE, MAX_AGE, session_secrets
from runstream_service.access.sign_in import MAX_SECONDS, SignIn
from runstream_service.http.audit import name_sign_in
from runstream_service.http.authenticate import peer
from runstream_service.http.errors import error_parts
from runstream_service.http.forwarded import forwarded_hosts
from runstream_service.http.root_path import root_path

# What the browser keeps while somebody signs in at the issuer.
_BEGUN_COOKIE = "runstream_sign_in"

# Sessions that one request ends: each is a transaction, and anybody may sign out.
_MAX_SESSIONS = 4

# Bytes of what is typed in.
_MAX_BODY = 128 * 1024

_NO_STORE = {"cache-control": "no-store"}


def sign_in_routes(authentication: Authentication, limits: CallerLimits) -> Iterator[Route]:
    """Yield the routes; whoever has signed in is held to the limits of callers."""
    pages = _SignInPages(authentication, limits)
    yield Route("/sign-in", pages.methods)
    yield Route("/sign-in/start", pages.start)
    yield Route("/sign-in/callback", pages.callback)
    yield Route("/sign-in/token", pages.token, methods=["POST"])
    yield Route("/sign-out", pages.sign_out, methods=["POST"])


class _SignInPages:
    def __init__(self, authentication: Authentication, limits: CallerLimits) -> None:
        self._authentication, self._limits = authentication, limits

    async def methods(self, _: Request) -> Response:
        """Answer by what people can sign in, beside a token."""
        oidc = self._authentication.oidc
        return JSONResponse({"issuer": oidc.url if oidc else ""}, headers=_NO_STORE)

    async def start(self, request: Request) -> Response:
        """Send the browser to the issuer."""
        begun = await self._sign_in().begin(_callback(request))
        answer = RedirectResponse(begun.url, 303, _NO_STORE)
        _set_cookie(request, answer, _BEGUN_COOKIE, begun.secret, MAX_SECONDS)
        return answer

    async def callback(self, request: Request) -> Response:
        """Begin a session for whom the issuer sends back, and show them the interface."""
        secret = request.cookies.get(_BEGUN_COOKIE, "")
        home = f"{root_path(request.scope)}/"
        session, page = "", home
        try:
            caller = await self._sign_in().finish(secret, request.query_params, _callback(request))
            session = await self._begin(caller)
            name_sign_in(request.scope, caller)
        except RunstreamError as error:
            page = f"{home}#/?sign-in={error_parts(error).error_code}"
        answer = RedirectResponse(page, 303, _NO_STORE)
        if session:
            _set_cookie(request, answer, COOKIE, session, MAX_AGE)
        _set_cookie(request, answer, _BEGUN_COOKIE, "", 0)
        return answer

    async def token(self, request: Request) -> Response:
        """Begin a session for whoever has typed in a token."""
        token = await _token_of(request)
        caller = await self._authentication.authenticate(
            [("authorization", f"Bearer {token}")], peer(request.client)
        )
        answer = Response(status_code=204, headers=_NO_STORE)
        if caller.name:  # else the server asks nobody who they are
            name_sign_in(request.scope, caller)
            session = await self._begin(caller)
            _set_cookie(request, answer, COOKIE, session, MAX_AGE)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the sessions of the browser: it has two where two paths have a server each."""
        for cookies in request.headers.getlist("cookie"):
            for session in session_secrets(cookies)[:_MAX_SESSIONS]:
                await self._authentication.sessions.end(session)
        answer = Response(status_code=204, headers=_NO_STORE)
        _set_cookie(request, answer, COOKIE, "", 0)
        return answer

    async def _begin(self, caller: Caller) -> str:
        """Begin a session; return its secret.

        Raises:
            ResourceExhausted: the caller is over a limit; it says when to try again.
        """
        with self._limits.admit(caller):
            return await self._authentication.sessions.begin(caller)

    def _sign_in(self) -> SignIn:
        if self._authentication.oidc is None:
            raise FailedPrecondition(
                "this server has no --oidc-issuer to sign in by", reason="NO_ISSUER"
            )
        return self._authentication.oidc.sign_in


async def _token_of(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            raise InvalidArgument("the token is too long", reason="TOKEN_INVALID", field="token")
    try:
        token = orjson.loads(body)["token"]
    except (ValueError, KeyError, TypeError):
        token = None
    # A header has no other characters.
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Unauthenticated("the token is not valid", reason="TOKEN_INVALID")
    return token.strip()


def _callback(request: Request) -> str:
    """Return where the issuer sends the browser back: to the name by which it came."""
    host = next(iter(forwarded_hosts(request.scope)), request.url.netloc)
    return f"{request.url.scheme}://{host}{root_path(request.scope)}/sign-in/callback"


def _set_cookie(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    """Have the browser keep something for some seconds, or no longer."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=root_path(request.scope) or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
