"""Signing in to the interface by an OpenID provider: its authorization code with PKCE.

Between the two steps of a sign-in the server keeps nothing. The browser keeps one secret in a
cookie, from which `state`, `nonce` and the verifier of PKCE are derived; so only the browser that
began can finish, at whichever server of the database.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_plus, urlencode

from runstream.errors import RunstreamError, Unauthenticated, shorten
from runstream_service.access.caller import Caller
from runstream_service.access.issuer_documents import Documents, request_json

# Needs packages that a server without an issuer may lack, and HTTP imports this module.
if TYPE_CHECKING:
    from runstream_service.access.issuer import Issuer

log = logging.getLogger(__name__)

#: Seconds that somebody may take to sign in at the provider.
MAX_SECONDS = 600

# Codes that are exchanged at a time: anybody can come with one, and each takes a thread.
_MAX_EXCHANGES = 4

# What is asked for beside `openid`, if the provider knows it.
_SCOPES = ("profile", "email", "groups")


class Begun(NamedTuple):
    """A sign-in that has begun.

    Attributes:
        url: where the browser goes on.
        secret: what it keeps, until it comes back.
    """

    url: str
    secret: str


class SignIn:
    """Signs people in by an issuer."""

    def __init__(self, issuer: Issuer, client_secret: str) -> None:
        """Prepare.

        Args:
            issuer: the issuer.
            client_secret: by which it knows that it is this server that asks; empty if this
                server is a public client of it.
        """
        self._issuer, self._client_secret = issuer, client_secret
        self._exchanges = asyncio.Semaphore(_MAX_EXCHANGES)

    async def begin(self, redirect_uri: str) -> Begun:
        """Begin a sign-in.

        Args:
            redirect_uri: where the browser comes back.

        Raises:
            Unavailable: the issuer cannot be asked.
        """
        documents = await self._issuer.documents.current()
        secret = secrets.token_urlsafe(32)
        challenge = hashlib.sha256(_derive(secret, "verifier").encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._issuer.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(["openid", *(one for one in _SCOPES if one in documents.scopes)]),
            "state": _derive(secret, "state"),
            "nonce": _derive(secret, "nonce"),
            "code_challenge": _base64url(challenge),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in documents.authorization_endpoint else "?"
        return Begun(f"{documents.authorization_endpoint}{joint}{urlencode(query)}", secret)

    async def finish(self, secret: str, answer: Mapping[str, str], redirect_uri: str) -> Caller:
        """Return who has signed in.

        Args:
            secret: what the browser kept.
            answer: the query with which the provider sent it back.
            redirect_uri: as for `begin`.

        Raises:
            Unauthenticated: the sign-in is not one that this browser began, or was refused.
            Unavailable: the issuer cannot be asked.
        """
        state = answer.get("state", "").encode()
        if not secret or not hmac.compare_digest(state, _derive(secret, "state").encode()):
            raise _failure("it was not begun by this browser, or too long ago")
        if "code" not in answer:
            error = f"{answer.get('error', '')} {answer.get('error_description', '')}"
            raise _failure(f"the issuer answers {shorten(error.strip())!r}")
        documents = await self._issuer.documents.current()
        async with self._exchanges:
            token = await self._exchange(documents, answer["code"], secret, redirect_uri)
        try:
            return await self._issuer.verify_sign_in(token, _derive(secret, "nonce"))
        except Unauthenticated as error:
            raise _failure(error.message) from None

    async def _exchange(
        self, documents: Documents, code: str, secret: str, redirect_uri: str
    ) -> str:
        """Return the ID token for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._issuer.client_id,
            "code_verifier": _derive(secret, "verifier"),
        }
        headers = {}
        if self._client_secret and documents.takes_basic:
            # Both are encoded as in a form (RFC 6749, 2.3.1).
            names = f"{quote_plus(self._issuer.client_id)}:{quote_plus(self._client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(names.encode()).decode()}"
        elif self._client_secret:
            form["client_secret"] = self._client_secret
        try:
            answer = await asyncio.to_thread(
                request_json, documents.token_endpoint, form, **headers
            )
            token = answer["id_token"]
        except (OSError, HTTPException, ValueError, KeyError) as error:
            raise _failure(f"the issuer gives no ID token: {error}") from None
        if not isinstance(token, str):
            raise _failure("the issuer gives no ID token")
        return token


def _failure(why: str) -> RunstreamError:
    """Return the error of a sign-in. Only the log says why: others wrote the reason, perhaps."""
    log.warning("a sign-in failed: %s", why)
    return Unauthenticated("the sign-in failed", reason="SIGN_IN_FAILED")


def _derive(secret: str, purpose: str) -> str:
    return _base64url(hmac.digest(secret.encode(), purpose.encode(), "sha256"))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
