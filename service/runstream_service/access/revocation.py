"""Takes tokens back; on the thread that writes.

A server always keeps a valid token of an admin, unless there are admins who need none: without one,
nobody could make another by the API.
"""

from __future__ import annotations

from collections.abc import Collection

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.access.caller import Caller, ServerRole
from runstream_service.engine.clock import now
from runstream_service.engine.statements import LockingStatement, Statement
from runstream_service.engine.tables import Session, Token

# In this order, and before other tokens are locked: so two revocations wait for each other, and
# the later one knows what the earlier one has left.
_LOCK_ADMINS = LockingStatement(
    Token.select(Token.id, Token.expiry_time)
    .where((Token.role == 0) & Token.revocation_time.is_null())
    .order_by(Token.id)
)
_LOCK = LockingStatement(Token.select().where(Token.id == 0))
_LOCK_OF_USER = LockingStatement(
    Token.select(Token.id).where(Token.user_name == "").order_by(Token.id)
)
_VALID_OF_USER = Statement(
    Token.select(Token.id)
    .where((Token.user_name == "") & Token.revocation_time.is_null())
    .order_by(Token.id)
)
_REVOKE = Statement(Token.update(revocation_time=0).where(Token.id == 0))
_SESSION_OF_USER = Statement(Session.select(Session.id).where(Session.user_name == ""))
_END_SESSIONS = Statement(Session.delete().where(Session.user_name == ""))


def revoke(caller: Caller, token_id: int, *, keep_admin: bool) -> Token:
    """Revoke a token, and return it; one that is revoked already stays as it is.

    Args:
        caller: who asks.
        token_id: the id of the token.
        keep_admin: whether a valid token of an admin has to be left.

    Raises:
        NotFound: there is none of this id that the caller may see.
        FailedPrecondition: no valid token of an admin would be left.
    """
    admins = _lock_admins() if keep_admin else {}
    found = _LOCK.models(Token, token_id)
    token: Token | None = found[0] if found else None
    if token is None or not (caller.is_admin or token.user_name == caller.name):
        raise NotFound(
            f"there is no token {token_id}",
            reason="TOKEN_NOT_FOUND",
            field="token_id",
            value=token_id,
        )
    if token.revocation_time is None:
        _refuse_last_admin(admins, {token_id})
        token.revocation_time = now()
        _REVOKE.run(token.revocation_time, token_id)
    return token


def revoke_of_user(caller: Caller, user_name: str, *, keep_admin: bool) -> list[int]:
    """Revoke all tokens of a user, and end their sessions; return the ids of these tokens.

    Args:
        caller: who asks.
        user_name: the name of the user.
        keep_admin: whether a valid token of an admin has to be left.

    Raises:
        NotFound: they have neither tokens nor sessions, or the caller may not see them.
        FailedPrecondition: no valid token of an admin would be left.
    """
    admins = _lock_admins() if keep_admin else {}
    is_visible = caller.is_admin or user_name == caller.name
    if not is_visible or not (
        _LOCK_OF_USER.rows(user_name) or _SESSION_OF_USER.first(user_name) is not None
    ):
        raise NotFound(
            f"there is no token of {user_name!r}",
            reason="TOKEN_NOT_FOUND",
            field="user_name",
            value=user_name,
        )
    # Asked again, now that no token of the user can make another one.
    token_ids = [token_id for (token_id,) in _VALID_OF_USER.rows(user_name)]
    _refuse_last_admin(admins, token_ids)
    time = now()
    _REVOKE.run_for_each([(time, token_id) for token_id in token_ids])
    _END_SESSIONS.run(user_name)
    return token_ids


def _lock_admins() -> dict[int, int | None]:
    """Lock the tokens of admins that are not revoked; return their ids, and when they expire."""
    return dict(_LOCK_ADMINS.rows(int(ServerRole.ADMIN)))


def _refuse_last_admin(admins: dict[int, int | None], revoked: Collection[int]) -> None:
    time = now()
    valid = {token for token, expiry in admins.items() if expiry is None or expiry > time}
    if valid and valid.issubset(revoked):
        raise FailedPrecondition(
            "no valid token of an admin would be left: make one for another admin before "
            "(`runstream tokens create --user NAME --role admin`), or one in the database "
            "(`runstream db create-token`)",
            reason="LAST_ADMIN_TOKEN",
            field="role",
            limit="admin",
        )
