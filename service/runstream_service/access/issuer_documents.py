"""The documents that an OpenID provider publishes: where its endpoints are, and its keys."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, NamedTuple

from runstream.errors import Unavailable

log = logging.getLogger(__name__)

#: Seconds after which the documents are read again; a key that was withdrawn is refused from then.
MAX_AGE = 600.0

#: Seconds between two readings at the least, whatever keys tokens name.
MIN_AGE = 10.0

# Seconds for which a call waits for newer documents, where it can do with the old ones.
_MAX_WAIT = 2.0

# Seconds that the provider may take for an answer, and the bytes that this may have.
_TIMEOUT = 10.0
_MAX_BYTES = 1024 * 1024


class Documents(NamedTuple):
    """What a provider publishes.

    Attributes:
        authorization_endpoint: where people sign in.
        token_endpoint: where a code of a sign-in becomes a token.
        takes_basic: whether a client says its secret there by Basic, and not in the form.
        scopes: the scopes that it knows.
        keys: its public keys, as JSON Web Keys.
    """

    authorization_endpoint: str
    token_endpoint: str
    takes_basic: bool
    scopes: frozenset[str]
    keys: tuple[Mapping[str, Any], ...]


class IssuerDocuments:
    """The documents of one provider, which are read when they are needed, and again later."""

    def __init__(self, issuer: str) -> None:
        """Prepare; nothing is read yet.

        Args:
            issuer: the URL of the provider, as its tokens have it.
        """
        self._issuer = issuer
        self._documents: Documents | None = None
        self._read_time = self._tried = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def current(self) -> Documents:
        """Return the documents, which are older than `MAX_AGE` only if they cannot be read.

        Raises:
            Unavailable: they were never read, and cannot be.
        """
        if self._documents is None:
            await self._read(None)
        elif time.monotonic() - self._read_time > MAX_AGE:
            await self._read(_MAX_WAIT)
        if self._documents is None:
            raise Unavailable(
                "the issuer of tokens cannot be reached; the log of the server says why",
                reason="ISSUER_UNAVAILABLE",
            )
        return self._documents

    async def renewed(self) -> Documents:
        """Return what `current` does, read again unless they were just now: a key is missing."""
        await self._read(None)
        return await self.current()

    async def _read(self, seconds: float | None) -> None:
        """Read the documents, unless that was just tried; wait for them for so many seconds.

        All who want them at the same time wait for one reading.
        """
        if self._reading is None and time.monotonic() - self._tried >= MIN_AGE:
            self._reading = asyncio.create_task(self._try_to_read())
        if self._reading is not None:
            await asyncio.wait((self._reading,), timeout=seconds)

    async def _try_to_read(self) -> None:
        try:
            self._documents = await asyncio.to_thread(_read_documents, self._issuer)
            self._read_time = time.monotonic()
        except (OSError, HTTPException, ValueError) as error:
            log.warning("the issuer %s cannot be asked: %s", self._issuer, error)
        finally:
            self._tried = time.monotonic()
            self._reading = None


def check_url(url: str) -> str:
    """Return a URL under which a provider may be asked.

    Raises:
        ValueError: it is not one of https, nor of this computer.
    """
    parts = urllib.parse.urlsplit(url)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    ):
        raise ValueError(f"{url!r} is not a URL of https")
    return url


def request_json(url: str, form: Mapping[str, str] | None = None, **headers: str) -> dict[str, Any]:
    """Return the JSON that a URL answers, to a GET or to the POST of a form.

    Raises:
        OSError, HTTPException, ValueError: it cannot be reached, or answers something else.
    """
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(  # noqa: S310 # check_url has looked at it
        check_url(url), data, {"Accept": "application/json", **headers}
    )
    with _OPENER.open(request, timeout=_TIMEOUT) as response:
        text = response.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise ValueError(f"{url} answers more than {_MAX_BYTES} bytes")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"{url} answers no object of JSON")  # noqa: TRY004 # callers know one
    return document


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A provider is asked where it says that it is, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _read_documents(issuer: str) -> Documents:
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    configuration = request_json(url)
    if configuration.get("issuer") != issuer:
        raise ValueError(f"{url} is that of {configuration.get('issuer')!r}")
    try:
        methods = configuration.get("token_endpoint_auth_methods_supported")
        keys = request_json(configuration["jwks_uri"])["keys"]
        return Documents(
            check_url(configuration["authorization_endpoint"]),
            check_url(configuration["token_endpoint"]),
            methods is None or "client_secret_basic" in methods,
            frozenset(configuration.get("scopes_supported", ("profile", "email"))),
            tuple(key for key in keys if isinstance(key, dict)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the documents of {issuer} lack what they should have") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
