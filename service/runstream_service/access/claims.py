"""From the claims of a token of OpenID Connect to a caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from runstream import rules
from runstream.errors import InvalidArgument, Unauthenticated
from runstream_service.access.caller import EVERYONE, Caller, ServerRole

# Groups of a caller: they are bound in the SQL of what they read.
_MAX_GROUPS = 1_000

_EVERYONE = EVERYONE.removeprefix("group:")


class ClaimRules(NamedTuple):
    """Which claims say what.

    Attributes:
        name: the claim with the name of a caller.
        groups: the claim with the groups that they are in.
        writers: the groups whose members are writers on this server.
        admins: the groups whose members are admins.
    """

    name: str
    groups: str
    writers: tuple[str, ...]
    admins: tuple[str, ...]

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        """Return the caller of whom a token tells.

        Raises:
            Unauthenticated: it does not tell their name.
        """
        name = _claim(claims, self.name)
        try:
            rules.check_user_name(self.name, name if isinstance(name, str) else "")
        except InvalidArgument:
            raise Unauthenticated(
                f"the token has no name of a user in the claim {self.name!r}",
                reason="TOKEN_INVALID",
            ) from None
        name = str(name)
        # Some providers write it as a text.
        if self.name == "email" and claims.get("email_verified", True) not in (True, "true"):
            raise Unauthenticated(
                "the issuer has not verified the e-mail address of the token",
                reason="TOKEN_INVALID",
            )
        groups = self._groups(claims)
        return Caller(name, self._role({*groups, _EVERYONE}), groups)

    def _groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        found = _claim(claims, self.groups)
        found = [found] if isinstance(found, str) else found
        if not isinstance(found, list):
            return ()
        names = (name for name in found if isinstance(name, str) and _can_be_granted(name))
        return tuple(dict.fromkeys(names))[:_MAX_GROUPS]

    def _role(self, groups: set[str]) -> ServerRole:
        if not groups.isdisjoint(self.admins):
            return ServerRole.ADMIN
        return ServerRole.READER if groups.isdisjoint(self.writers) else ServerRole.WRITER


def _can_be_granted(group: str) -> bool:
    """Return whether a group can have a grant; databases take no others in a search either."""
    try:
        rules.check_user_name("group", group)
    except InvalidArgument:
        return False
    return True


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim; `realm_access.roles` is one inside another, unless it is itself a name."""
    if name in claims or "." not in name:
        return claims.get(name)
    first, _, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(inner, rest) if isinstance(inner, Mapping) else None
