"""What users and groups may do with experiments."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.v1 import access_service_pb2
from runstream.v1.access_service_pb2 import GrantRole

_PREFIX = "GRANT_ROLE_"


@dataclass(frozen=True)
class Grant:
    """What a user or a group may do with an experiment.

    Attributes:
        experiment_id: the id of the experiment.
        grantee: `user:NAME` or `group:NAME`; `group:everyone` is everybody who says who they are.
        role: `reader`, `writer` or `owner`.
    """

    experiment_id: str
    grantee: str
    role: str

    @classmethod
    def from_proto(cls, message: access_service_pb2.Grant) -> Grant:
        """Convert the message of the contract."""
        return cls(message.experiment_id, message.grantee, grant_role_name(message.role))


def grant_role_name(role: GrantRole.ValueType) -> str:
    """Return the name of a role; its number, if only a newer server knows it."""
    known = role in GrantRole.values()
    return GrantRole.Name(role).removeprefix(_PREFIX).lower() if known else str(role)


def grant_role_of_name(name: str) -> GrantRole.ValueType:
    """Return the role of a name; one that is not stated, which servers refuse, if it is unknown."""
    roles = dict(GrantRole.items())
    return roles.get(f"{_PREFIX}{name.upper()}", GrantRole.GRANT_ROLE_UNSPECIFIED)
