"""Tokens of the API, and who calls with one."""

from __future__ import annotations

from dataclasses import dataclass, field

from runstream.v1 import access_service_pb2


@dataclass(frozen=True)
class Token:
    """A token of the API, without what would let anybody use it.

    Attributes:
        token_id: its id.
        user_name: whose it is.
        description: what it is for.
        role: what it allows at the most: `reader`, `writer` or `admin`.
        creation_time: when it was made, in milliseconds since the epoch, as are all times.
        expiry_time: when it expires; None for never.
        revocation_time: when it was revoked; None if it was not.
        last_use_time: when it was last used, to about a minute; None if it never was.
        created_by: the user who made it; None if nobody had to say who they were, or if the server
            did not keep that yet.
    """

    token_id: int
    user_name: str
    description: str
    role: str
    creation_time: int
    expiry_time: int | None
    revocation_time: int | None
    last_use_time: int | None
    created_by: str | None = None

    @classmethod
    def from_proto(cls, message: access_service_pb2.Token) -> Token:
        """Convert the message of the contract."""
        return cls(
            token_id=message.token_id,
            user_name=message.user_name,
            description=message.description,
            role=role_name(message.role),
            creation_time=message.creation_time,
            expiry_time=message.expiry_time if message.HasField("expiry_time") else None,
            revocation_time=(
                message.revocation_time if message.HasField("revocation_time") else None
            ),
            last_use_time=message.last_use_time if message.HasField("last_use_time") else None,
            created_by=message.created_by or None,
        )


@dataclass(frozen=True)
class NewToken:
    """A token that was made just now.

    Attributes:
        token: the token.
        secret: what says who calls; nobody can learn it again. It is in no `repr`.
    """

    token: Token
    secret: str = field(repr=False)


@dataclass(frozen=True)
class CallerInfo:
    """Who calls, as the server knows them.

    Attributes:
        user_name: their name; empty on a server that authenticates nobody.
        role: what they may do at the most: `reader`, `writer` or `admin`.
        groups: the groups that they are in.
        expiry_time: when what they call with expires, in milliseconds since the epoch; None for
            never.
    """

    user_name: str
    role: str
    groups: list[str]
    expiry_time: int | None

    @classmethod
    def from_proto(cls, message: access_service_pb2.GetCallerResponse) -> CallerInfo:
        """Convert the message of the contract."""
        return cls(
            user_name=message.user_name,
            role=role_name(message.role),
            groups=list(message.groups),
            expiry_time=message.expiry_time if message.HasField("expiry_time") else None,
        )


_PREFIX = "SERVER_ROLE_"


def role_name(role: access_service_pb2.ServerRole.ValueType) -> str:
    """Return the name of a role, such as `writer`."""
    return access_service_pb2.ServerRole.Name(role).removeprefix(_PREFIX).lower()


def role_of_name(name: str) -> access_service_pb2.ServerRole.ValueType:
    """Return the role of a name; the server refuses one that it does not know."""
    roles = access_service_pb2.ServerRole
    known = f"{_PREFIX}{name.upper()}"
    return roles.Value(known) if known in roles.keys() else roles.SERVER_ROLE_UNSPECIFIED  # noqa: SIM118 # it is no dictionary
