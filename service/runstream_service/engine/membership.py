"""This process among the servers of its database: its row in the table `server`.

All times are of the database's clock, so that the clocks of servers may differ. A server that has
not renewed its row for `SILENCE` seconds is gone: anybody may clean up after it. It may come
back nevertheless, after a break of its connection, so whoever cleans up leaves intact what it needs
then. One server serves a file of SQLite, and has no row.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from runstream.errors import FailedPrecondition, RunstreamError
from runstream_service.engine.engine import Engine
from runstream_service.engine.statements import SharedStatement
from runstream_service.engine.writer import Writer

#: Seconds after which a server that did not renew its row is gone.
SILENCE = 30.0

#: The table, which a database of the first version does not have.
SERVER_TABLE = "server"

# Seconds between two renewals.
_PAUSE = 5.0

_INSERT = SharedStatement(
    "INSERT INTO server (name, started, seen) VALUES (%s, {now}, {now}) RETURNING id"
)
_INSERT_AGAIN = SharedStatement(
    "INSERT INTO server (id, name, started, seen, kept_after) VALUES (%s, %s, {now}, {now}, %s)"
)
_RENEW = SharedStatement("UPDATE server SET seen = {now} WHERE id = %s")
_LEAVE = SharedStatement("UPDATE server SET seen = {now} - %s WHERE id = %s")
_PRESENT = SharedStatement("SELECT name FROM server WHERE seen > {now} - %s ORDER BY id")
_NEWEST = SharedStatement("SELECT coalesce(max(id), 0) FROM server")


class Membership:
    """A server among those of its database.

    Attributes:
        id: its number, which no other server ever has; 0 if one server serves the database alone.
    """

    def __init__(self, engine: Engine) -> None:
        """Make the row of this process; the statements must be bound."""
        self.id = 0
        self._name = f"{socket.gethostname()}, process {os.getpid()}"
        if engine.IS_SHARED:
            with engine.write_transaction():
                self.id = _INSERT.insert(self._name)

    def come_back(self, kept_after: int) -> None:
        """Make the row again, which the others have removed; on the writer's thread.

        Args:
            kept_after: the number of the last of its changes that are gone.
        """
        _INSERT_AGAIN.run(self.id, self._name, kept_after)

    def renew(self) -> None:
        """Show that this server is there, on the writer's thread."""
        _RENEW.run(self.id)

    async def renew_regularly(self, writer: Writer) -> None:
        """Show that this server is there until it is cancelled."""
        while self.id:
            with suppress(RunstreamError):  # the writer has logged it
                await writer.submit(self.renew)
            await asyncio.sleep(_PAUSE)

    def leave(self) -> None:
        """Show that this server is gone, on the writer's thread."""
        if self.id:
            _LEAVE.run(round(1000 * SILENCE), self.id)


def present_servers(engine: Engine) -> list[str]:
    """Return the names of the servers that serve a database of several; [] for a file."""
    if not engine.IS_SHARED:
        return []
    with engine.connection_context():
        values = (round(1000 * SILENCE),)
        rows = engine.connection().execute(engine.compiled[_PRESENT], values).fetchall()
    return [name for (name,) in rows]


def refuse_served(engine: Engine) -> None:
    """Raise FailedPrecondition if servers serve a database of several."""
    servers = present_servers(engine)
    if servers:
        raise FailedPrecondition(
            f"{engine.name} is served by {', '.join(servers)}: stop the servers first, or wait "
            "half a minute after one that was killed",
            reason="DATABASE_SERVED",
        )


def newest_server(engine: Engine) -> int:
    """Return the id of the server that started last; 0 for a file."""
    if not engine.IS_SHARED:
        return 0
    with engine.connection_context():
        return int(engine.connection().execute(engine.compiled[_NEWEST]).fetchone()[0])
