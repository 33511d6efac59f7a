"""The caller: who calls, as the authentication of a call has found out.

It is an argument of each function of the store that reads or writes what belongs to an experiment.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

#: Everybody who is authenticated, as a grantee.
EVERYONE = "group:everyone"


class ServerRole(IntEnum):
    """What somebody may do on this server at the most.

    A reader reads what is granted; a writer also writes where that is granted, and creates
    experiments; an admin does everything everywhere.
    """

    READER = 1
    WRITER = 2
    ADMIN = 3


class GrantRole(IntEnum):
    """What somebody may do with one experiment and all that belongs to it.

    A reader reads; a writer also writes, and deletes and restores runs; an owner also renames,
    deletes and restores the experiment, and grants it to others.
    """

    READER = 1
    WRITER = 2
    OWNER = 3


class Caller(NamedTuple):
    """Somebody who calls.

    Attributes:
        name: their name, as the audit log and grants have it.
        role: what they may do on this server at the most.
        groups: the groups that they are in.
        token_id: the id of the token of the API that they call with; 0 if it is none, and
            `WHILE_OPEN` on a server that does not ask for one yet.
        expiry_time: when what they call with expires, in milliseconds since the epoch; None for
            never.
        session_id: the id of the session of the interface that they call with; 0 if it is none.
    """

    name: str
    role: ServerRole
    groups: tuple[str, ...] = ()
    token_id: int = 0
    expiry_time: int | None = None
    session_id: int = 0

    @property
    def is_admin(self) -> bool:
        """Whether all experiments are theirs."""
        return self.role is ServerRole.ADMIN

    @property
    def grantees(self) -> list[str]:
        """Those to whom a grant has to be for this caller to have it, as `Grant.grantee` does."""
        return [f"user:{self.name}", *(f"group:{name}" for name in self.groups), EVERYONE]


#: Everybody who need not say who they are.
ANYONE = Caller("", ServerRole.ADMIN)

#: In place of the id of a token, as long as there is none. Ids begin at 1.
WHILE_OPEN = -1

#: Everybody who reaches an open server, whose first token ends what they may do.
ANYONE_WHILE_OPEN = ANYONE._replace(token_id=WHILE_OPEN)
