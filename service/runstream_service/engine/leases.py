"""Leases: what only one of the servers of a database may do at a time.

A lease is taken in the transaction of the writer that does what it is for, and its row stays locked
until the commit. So nobody else does the same meanwhile, also if the lease ends before. Whoever
works in several steps takes the lease again in each; a step that does not get it changes nothing.
Times are of the database's clock. One server serves a file of SQLite, and gets each lease.
"""

from __future__ import annotations

from runstream_service.engine.membership import Membership
from runstream_service.engine.statements import SharedStatement

# A lease that would last twice as long as one that is taken now is of a clock that was set back.
_TAKE = SharedStatement(
    """
    INSERT INTO lease (name, holder, expires) VALUES (%s, %s, {now} + %s)
    ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, expires = EXCLUDED.expires
    WHERE lease.holder = EXCLUDED.holder OR lease.expires < {now} OR lease.expires > {now} + 2 * %s
    RETURNING holder
    """
)
_RELEASE = SharedStatement("DELETE FROM lease WHERE name = %s AND holder = %s")


class Leases:
    """The leases of one server; on the writer's thread alone."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    def take(self, name: str, seconds: float) -> bool:
        """Take or renew a lease; return False if another server holds it.

        Args:
            name: what it is for.
            seconds: how long the server has it, unless it takes it again.
        """
        if not self._membership.id:
            return True
        milliseconds = round(1000 * seconds)
        return _TAKE.first(name, self._membership.id, milliseconds, milliseconds) is not None

    def release(self, name: str) -> None:
        """Give a lease back, if this server has it."""
        if self._membership.id:
            _RELEASE.run(name, self._membership.id)
