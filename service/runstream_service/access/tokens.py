"""The tokens of the API, as they are stored; on the threads that read and write.

How they are taken back is in `revocation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from peewee import fn

from runstream.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated
from runstream.rules import check_user_name
from runstream_service.access.caller import Caller, ServerRole
from runstream_service.access.token_text import digest_of, new_token_text
from runstream_service.engine.clock import now
from runstream_service.engine.statements import LockingStatement, Statement
from runstream_service.engine.tables import Token

#: Valid tokens of one user.
MAX_TOKENS = 1_000

_LAST = Statement(Token.select(fn.MAX(Token.id)))
_FIND = Statement(Token.select().where(Token.digest == b""))
_REVOKED = Statement(Token.select(Token.id).where(Token.revocation_time > 0))
_VALID = Statement(
    Token.select(fn.COUNT(Token.id)).where(
        (Token.user_name == "")
        & Token.revocation_time.is_null()
        & (Token.expiry_time.is_null() | (Token.expiry_time > 0))
    )
)
_LOCK = LockingStatement(Token.select(Token.revocation_time).where(Token.id == 0))
_USE = Statement(
    Token.update(last_use_time=0).where(
        (Token.id == 0) & (Token.last_use_time.is_null() | (Token.last_use_time < 0))
    )
)


class NewToken(NamedTuple):
    """A token that is to be made.

    Attributes:
        user_name: whose it is; the caller's, if empty.
        description: what it is for.
        role: what it allows at the most.
        expiry_time: when it expires, in milliseconds since the epoch; None for never.
    """

    user_name: str
    description: str
    role: ServerRole
    expiry_time: int | None


def exist() -> bool:
    """Return whether there has ever been a token, so that callers have to say who they are."""
    last = _LAST.first()
    return last is not None and last[0] is not None


def find(digest: bytes) -> Token | None:
    """Return the token of a digest, valid or not."""
    found = _FIND.models(Token, digest)
    return found[0] if found else None


def revoked_since(time: int) -> set[int]:
    """Return the ids of the tokens that were revoked after a time."""
    return {token for (token,) in _REVOKED.rows(time)}


def page(caller: Caller, user_name: str, after: int, limit: int) -> list[Token]:
    """Return tokens that the caller may see, by id.

    Args:
        caller: who asks; admins see all, others their own.
        user_name: whose they are; empty for everybody's.
        after: they have ids greater than this one.
        limit: how many at the most.
    """
    query = Token.select().where(Token.id > after).order_by(Token.id).limit(limit)
    if not caller.is_admin:
        query = query.where(Token.user_name == caller.name)
    if user_name:
        query = query.where(Token.user_name == user_name)
    return list(query)


def create(caller: Caller, new: NewToken) -> tuple[Token, str]:
    """Make a token; return it and its text.

    Raises:
        InvalidArgument: a field breaks its rule.
        PermissionDenied: it is of somebody else, or allows more than what the caller calls with.
        FailedPrecondition: it is the first one, and not of an admin; or its user has
            `MAX_TOKENS`.
        Unauthenticated: what the caller calls with was revoked meanwhile.
    """
    if caller.token_id > 0:
        _refuse_if_revoked(caller.token_id)
    new = new._replace(user_name=new.user_name or caller.name)
    check_user_name("user_name", new.user_name)
    time = now()
    if new.expiry_time is not None and new.expiry_time <= time:
        raise InvalidArgument(
            f"Invalid value {new.expiry_time} for parameter 'expiry_time' supplied: "
            f"it must be in the future, and now it is {time}",
            reason="EXPIRY_PAST",
            field="expiry_time",
            value=new.expiry_time,
            limit=time,
        )
    _check_may_create(caller, new)
    is_by_anyone = not caller.name  # others are known to the server without a token
    if is_by_anyone and new.role is not ServerRole.ADMIN and not exist():
        raise FailedPrecondition(
            "the first token of a server must have the role admin: from then on every call needs "
            "a token, and only an admin can make others",
            reason="FIRST_TOKEN_NOT_ADMIN",
            field="role",
            value=new.role.name.lower(),
            limit="admin",
        )
    _refuse_if_too_many(new.user_name, time)
    text = new_token_text()
    token = Token.create(
        user_name=new.user_name,
        description=new.description,
        digest=digest_of(text),
        role=int(new.role),
        creation_time=time,
        expiry_time=new.expiry_time,
        created_by=caller.name or None,
    )
    return token, text


def _refuse_if_too_many(user_name: str, time: int) -> None:
    valid = _VALID.first(user_name, time)
    if valid is not None and valid[0] >= MAX_TOKENS:
        raise FailedPrecondition(
            f"{user_name!r} has {MAX_TOKENS:,} valid tokens; revoke one of them before",
            reason="TOKENS_TOO_MANY",
            field="user_name",
            value=user_name,
            limit=MAX_TOKENS,
        )


def _refuse_if_revoked(token_id: int) -> None:
    """Keep a token as it is until the end of the transaction, or refuse what is made with it.

    Else a call that was let in just before all tokens of its user are revoked would make another.
    """
    found = _LOCK.first(token_id)
    if found is None or found[0] is not None:
        raise revoked_error()


def revoked_error() -> Unauthenticated:
    """Return the error of a caller whose token was revoked."""
    return Unauthenticated(
        "the token has been revoked", reason="TOKEN_REVOKED", field="authorization"
    )


def _check_may_create(caller: Caller, new: NewToken) -> None:
    if caller.is_admin:
        return
    if new.user_name != caller.name:
        _deny(caller, "user_name", new.user_name, caller.name, "make tokens of others")
    if new.role > caller.role:
        role = caller.role.name.lower()
        _deny(caller, "role", new.role.name.lower(), role, "make a token of a higher role")
    # Else whoever finds what they call with could use it for ever.
    end = caller.expiry_time
    if end is not None and (new.expiry_time is None or new.expiry_time > end):
        action = "make a token that expires later than the one they call with"
        _deny(caller, "expiry_time", new.expiry_time, end, action)


def _deny(caller: Caller, field: str, value: object, limit: object, action: str) -> None:
    raise PermissionDenied(
        f"{caller.name!r} cannot {action}",
        reason="TOKEN_ALLOWS_TOO_MUCH",
        field=field,
        value=value,
        limit=limit,
    )


def subject_of(token: Token) -> str:
    """Return what names a token in the audit log."""
    return f"token_id={token.id} user_name={token.user_name}"


def record_uses(uses: Iterable[tuple[int, int]]) -> None:
    """Store when tokens were last used: ids and times."""
    _USE.run_for_each([(time, token, time) for token, time in sorted(uses)])


def caller_of(token: Token) -> Caller:
    """Return who calls with a token."""
    return Caller(
        str(token.user_name),
        ServerRole(int(token.role)),
        token_id=int(token.id),
        expiry_time=token.expiry_time,
    )
