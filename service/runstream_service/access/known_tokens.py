"""The tokens that a server has seen, so that it need not look each one up for each call."""

from __future__ import annotations

import time

from runstream.errors import Unauthenticated
from runstream_service.access.caller import Caller
from runstream_service.access.tokens import caller_of, revoked_error
from runstream_service.engine.clock import now
from runstream_service.engine.tables import Token

#: Tokens that are known at a time.
MAX_TOKENS = 10_000

#: Seconds between two times that the last use of a token is stored.
USE_SECONDS = 60.0


class KnownTokens:
    """The callers of tokens, by the digests of the tokens; on the event loop."""

    def __init__(self) -> None:
        self._callers: dict[bytes, Caller] = {}
        self._digests: dict[int, bytes] = {}
        # Also of tokens that are not known, whose lookup may be under way.
        self._revoked: set[int] = set()
        self._uses: dict[int, int] = {}
        self._stored: dict[int, float] = {}

    def get(self, digest: bytes) -> Caller | None:
        """Return the caller of a token that is known and not revoked."""
        return self._callers.get(digest)

    def add(self, digest: bytes, token: Token | None) -> Caller:
        """Know a token that was looked up from now on, and return its caller.

        Raises:
            Unauthenticated: there is no such token, or it was revoked.
        """
        if token is None:
            raise Unauthenticated(
                "the token is unknown to this server", reason="TOKEN_UNKNOWN", field="authorization"
            )
        if token.revocation_time is not None or token.id in self._revoked:
            raise revoked_error()
        if len(self._callers) >= MAX_TOKENS:
            oldest = self._callers.pop(next(iter(self._callers)))
            self._digests.pop(oldest.token_id, None)
            self._stored.pop(oldest.token_id, None)
        caller = self._callers[digest] = caller_of(token)
        self._digests[caller.token_id] = digest
        return caller

    def revoke(self, token_id: int) -> None:
        """Know a token no longer."""
        self._revoked.add(token_id)
        self._callers.pop(self._digests.pop(token_id, b""), None)
        self._stored.pop(token_id, None)

    def is_revoked(self, token_id: int) -> bool:
        """Return whether it is known that a token was revoked."""
        return token_id in self._revoked

    def record_use(self, token_id: int) -> None:
        """Note that a token is used now."""
        self._uses[token_id] = now()

    def take_uses(self) -> list[tuple[int, int]]:
        """Return the tokens whose last use is to be stored now, with the times in milliseconds."""
        moment = time.monotonic()
        due = [
            token
            for token in self._uses
            if moment - self._stored.get(token, -USE_SECONDS) >= USE_SECONDS
        ]
        self._stored |= dict.fromkeys(due, moment)
        return [(token, self._uses.pop(token)) for token in due]
