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
        known = message.role in GrantRole.values()  # a newer server may have more
        role = GrantRole.Name(message.role).removeprefix(_PREFIX) if known else str(message.role)
        return cls(message.experiment_id, message.grantee, role.lower())


def grant_role_of_name(name: str) -> GrantRole.ValueType:
    """Return the role of a name; one that is not stated, which servers refuse, if it is unknown."""
    roles = dict(GrantRole.items())
    return roles.get(f"{_PREFIX}{name.upper()}", GrantRole.GRANT_ROLE_UNSPECIFIED)
