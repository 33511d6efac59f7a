"""Sessions of the interface: who has signed in, by what the cookie of their browser has.

A session is one of the database, so it ends on all its servers at once. It ends with the token by
which somebody signed in, when they sign out, when all their tokens are revoked, and in any case
after `MAX_AGE`; and when its user begins `MAX_SESSIONS` others.
"""

from __future__ import annotations

import hashlib
import json
import secrets

from runstream.errors import Unauthenticated
from runstream_service.access.caller import Caller, ServerRole
from runstream_service.engine.clock import now
from runstream_service.engine.readers import Readers
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Session, Token
from runstream_service.engine.writer import Writer

#: Seconds for which somebody who signed in stays so, and has the groups and the role of then.
MAX_AGE = 12 * 3600

#: Sessions that one user has at once; the oldest ends when another begins.
MAX_SESSIONS = 50

#: The cookie with the secret of a session.
COOKIE = "runstream_session"

_INSERT = Statement(
    Session.insert(
        {
            Session.digest: b"",
            Session.user_name: "",
            Session.role: 0,
            Session.user_groups: "",
            Session.token: 0,
            Session.expiry_time: 0,
        }
    )
)
_IDS = Statement(Session.select(Session.id))
_FIND = Statement(
    Session.select(
        Session.id,
        Session.user_name,
        Session.role,
        Session.user_groups,
        Session.expiry_time,
        Session.token,
        Token.revocation_time,
    )
    .left_outer_join(Token)
    .where(Session.digest == b"")
)
_OF_USER = Statement(Session.select(Session.id).where(Session.user_name == "").order_by(Session.id))
_EXISTS = Statement(Session.select(Session.id).where(Session.digest == b""))
_DELETE_ID = Statement(Session.delete().where(Session.id == 0))
_DELETE = Statement(Session.delete().where(Session.digest == b""))
_DELETE_EXPIRED = Statement(Session.delete().where(Session.expiry_time <= 0))


class Sessions:
    """The sessions of a database."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer, self._readers = writer, readers

    async def begin(self, caller: Caller) -> str:
        """Begin a session, which ends with what the caller calls with; return its secret.

        The oldest one of the caller ends if they have `MAX_SESSIONS`.
        """
        secret = secrets.token_urlsafe(32)
        await self._writer.submit(_begin, _digest(secret), caller)
        return secret

    async def find(self, secret: str) -> Caller | None:
        """Return who has this session, and when it expires; None if it has ended."""
        return await self._readers.quick(_find, _digest(secret))

    async def ended(self, session_ids: set[int]) -> set[int]:
        """Return which of these sessions have ended before their time."""
        return session_ids - await self._readers.quick(_all_ids) if session_ids else set()

    async def end(self, secret: str) -> None:
        """End a session; nothing happens if it has ended."""
        digest = _digest(secret)
        # Anybody may ask for this, and whatever they send: the writer has other things to do.
        if await self._readers.quick(_exists, digest):
            await self._writer.submit(_DELETE.run, digest)


def session_secrets(cookies: str) -> list[str]:
    """Return the secrets of sessions that a `Cookie` header has, in its order."""
    parts = (cookie.strip().partition("=") for cookie in cookies.split(";"))
    return [value for name, _, value in parts if name == COOKIE and value]


def _begin(digest: bytes, caller: Caller) -> None:
    _DELETE_EXPIRED.run(now())
    if oldest := _OF_USER.rows(caller.name)[: 1 - MAX_SESSIONS]:
        _DELETE_ID.run_for_each(oldest)
    expiry_time = now() + MAX_AGE * 1000
    _INSERT.run(
        digest,
        caller.name,
        int(caller.role),
        json.dumps(caller.groups),
        caller.token_id or None,
        min(expiry_time, caller.expiry_time or expiry_time),
    )


def _exists(digest: bytes) -> bool:
    return _EXISTS.first(digest) is not None


def _find(digest: bytes) -> Caller | None:
    found = _FIND.first(digest)
    if found is None:
        return None
    session_id, name, role, groups, expiry_time, token_id, revocation_time = found
    if revocation_time is not None or expiry_time <= now():
        return None
    groups = tuple(json.loads(groups))
    return Caller(name, ServerRole(role), groups, token_id or 0, expiry_time, session_id)


def _all_ids() -> set[int]:
    return {session_id for (session_id,) in _IDS.rows()}


def session_ended_error() -> Unauthenticated:
    """Return the error of a caller whose session has ended."""
    return Unauthenticated(
        "the session has ended; sign in again", reason="SESSION_ENDED", field="cookie"
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
