"""From the headers and the peer of a call to its caller."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress

from runstream.errors import RunstreamError, Unauthenticated
from runstream_service.access import tokens
from runstream_service.access.caller import ANYONE, ANYONE_WHILE_OPEN, WHILE_OPEN, Caller
from runstream_service.access.certificate_callers import CertificateCallers
from runstream_service.access.known_tokens import KnownTokens
from runstream_service.access.oidc import Oidc
from runstream_service.access.sessions import Sessions, session_ended_error, session_secrets
from runstream_service.access.stream_ends import StreamEnds, expired_error
from runstream_service.access.token_text import digest_of, is_token_text
from runstream_service.engine.clock import now
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer

#: Seconds between two looks at what other servers have changed about tokens.
POLL_SECONDS = 0.5

# Milliseconds by which clocks of servers may differ, and which a revocation may take.
_CLOCK_SKEW = 60_000

# What says who calls, in the metadata of gRPC and in the headers of HTTP.
_HEADER = "authorization"


class Authentication:
    """Finds out who calls; gRPC and HTTP ask it once for each call.

    Attributes:
        is_open: whether everybody may do everything, because there has never been a token, there
            is no issuer, and clients need no certificate.
        certificates: those whom certificates of clients name; None if clients are asked for none.
        oidc: the issuer whose tokens are accepted, if there is one.
        sessions: those who have signed in to the interface.
        ends: the streams that end when what their caller called with is not valid any more.
    """

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        certificates: CertificateCallers | None = None,
        oidc: Oidc | None = None,
    ) -> None:
        self.certificates, self.oidc = certificates, oidc
        self.sessions = Sessions(writer, readers)
        self._writer, self._readers = writer, readers
        self._known = KnownTokens()
        self._polled = now()
        self.is_open = True
        self.ends = StreamEnds()

    async def load(self) -> None:
        """Find out whether there are tokens, before the first call."""
        asks = self.certificates is not None or self.oidc is not None
        self.is_open = not asks and not await self._readers.quick(tokens.exist)

    async def authenticate(
        self, headers: Iterable[tuple[str, str]], peer: str, common_name: str | None = None
    ) -> Caller:
        """Return the caller.

        Args:
            headers: the metadata of a call of gRPC, or the headers of a request, with lower-case
                names.
            peer: the address of the caller, such as `ipv4:192.0.2.7:50112`.
            common_name: that of the certificate of the client, which a token goes before; None if
                it has shown none.

        Raises:
            Unauthenticated: they do not say who they are, or cannot prove it.
            Unavailable: the issuer of their token cannot be asked for its keys.
        """
        if peer.startswith("unix:"):
            return ANYONE
        if self.is_open:
            return ANYONE_WHILE_OPEN
        header, secret = _proofs(headers)
        if not header and secret:
            return await self._session_caller(secret)
        if self.certificates and common_name is not None and not header:
            return self.certificates.find(common_name)
        credential = _credential(header)
        if self.oidc is not None and not is_token_text(credential):
            return await self.oidc.issuer.verify(credential)
        if not is_token_text(credential):
            raise Unauthenticated(
                "the token is unknown to this server", reason="TOKEN_UNKNOWN", field=_HEADER
            )
        return await self._token_caller(digest_of(credential))

    async def _session_caller(self, secret: str) -> Caller:
        caller = await self.sessions.find(secret)
        if caller is None:
            raise session_ended_error()
        return caller

    async def _token_caller(self, digest: bytes) -> Caller:
        caller = self._known.get(digest)
        if caller is None:
            token = await self._readers.quick(tokens.find, digest)
            caller = self._known.add(digest, token)
        if caller.expiry_time is not None and caller.expiry_time <= now():
            raise expired_error()
        self._known.record_use(caller.token_id)
        return caller

    def close_server(self) -> None:
        """Ask every caller who they are from now on: there is a token.

        Streams of those who were not asked end as soon as the call that made the token, which may
        be one of them, has had the time to be answered.
        """
        if self.is_open:
            self.is_open = False
            loop = asyncio.get_running_loop()
            loop.call_later(POLL_SECONDS, self.ends.end_token, WHILE_OPEN, _missing_error())

    def revoke(self, token_id: int) -> None:
        """Refuse a token from now on, and end the streams that were opened with it."""
        self._known.revoke(token_id)
        self.ends.end_token(token_id, tokens.revoked_error())

    async def watch_tokens(self, *, is_shared: bool) -> None:
        """Follow what ends tokens and sessions, and store the use of tokens, until cancelled.

        Args:
            is_shared: whether there may be other servers.
        """
        while True:
            await asyncio.sleep(POLL_SECONDS)
            with suppress(RunstreamError):  # the next look may do better
                if is_shared:
                    await self._poll()
                for session in await self.sessions.ended(self.ends.session_ids()):
                    self.ends.end_session(session, session_ended_error())
                if uses := self._known.take_uses():
                    await self._writer.submit(tokens.record_uses, uses)

    async def _poll(self) -> None:
        if self.is_open:
            if await self._readers.quick(tokens.exist):
                self.close_server()
            return
        began = now()
        for token in await self._readers.quick(tokens.revoked_since, self._polled - _CLOCK_SKEW):
            if not self._known.is_revoked(token):
                self.revoke(token)
        self._polled = began


def _proofs(headers: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the header `authorization` and the secret of a session, each empty if there is none.

    Raises:
        Unauthenticated: there are two of one kind. What is between a client and this server may
            look at another of them than the server.
    """
    found: dict[str, list[str]] = {_HEADER: [], "cookie": []}
    for name, value in headers:
        if name == _HEADER:
            found[name].append(value)
        elif name == "cookie":
            # Of the cookies in one header, browsers put that of the longest path first.
            found[name].extend(session_secrets(value)[:1])
    for name, values in found.items():
        if len(values) > 1:
            raise Unauthenticated(
                f"a call says once who makes it, and this one has two headers {name!r}",
                reason="CALLER_AMBIGUOUS",
                field=name,
            )
    header, secret = ("".join(values) for values in found.values())
    return header, secret


def _credential(header: str) -> str:
    """Return the token in a header: that of Bearer, or the password of Basic.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return b64decode(value.strip(), validate=True).decode().partition(":")[2]
    raise _missing_error()


def _missing_error() -> Unauthenticated:
    return Unauthenticated(
        "this server wants to know who calls: give a token, by RUNSTREAM_TOKEN or the header "
        "`authorization: Bearer TOKEN`",
        reason="TOKEN_MISSING",
        field=_HEADER,
    )
