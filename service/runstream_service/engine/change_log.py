"""What a server tells the watchers of all servers: its changes, numbered, in the table `change`.

A transaction writes its changes together with what it changes, while somebody watches anywhere.
For that it locks the row of its server first. So the transactions of a server are one after the
other, and their changes are visible in the order of their numbers. Whoever begins to watch sets
`is_recording` in the row of each server, which waits for the transaction that is under way there:
all that is committed afterwards is told.

Numbers only grow; that of a transaction that failed is never used again. A server that finds nobody
interested stops to record, and skips a number. So it shows that something is missing: `kept_after`
is the number up to which nothing is there.

The row of a server does not change with its commits. Else its former versions, which stay for as
long as somebody reads an old snapshot, would make each lock slower.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from runstream_service.engine.engine import Engine
from runstream_service.engine.membership import SILENCE, Membership
from runstream_service.engine.statements import SharedStatement

#: Bytes of the changes of a server that are kept, and seconds.
KEPT_BYTES = 32 * 1024 * 1024
KEPT_SECONDS = 60.0

#: Seconds for which a server is interested, unless it says so again.
INTEREST = 60.0

#: Seconds after which the row of a server that is gone is removed.
FORGOTTEN = 600.0

#: Changes that are read at a time.
READ_ROWS = 500

# Bytes that a row of the table takes beside its data.
_ROW_BYTES = 100

_LOCK = SharedStatement("SELECT is_recording, kept_after FROM server WHERE id = %s FOR UPDATE")
_INSERT = SharedStatement(
    "INSERT INTO change (server_id, number, created, data) VALUES (%s, %s, {now}, %s)"
)
_STOP = SharedStatement("UPDATE server SET is_recording = false, kept_after = %s WHERE id = %s")
_SET_KEPT = SharedStatement("UPDATE server SET kept_after = %s WHERE id = %s")
_DELETE = SharedStatement("DELETE FROM change WHERE server_id = %s AND number <= %s")
_IS_WATCHED = SharedStatement("SELECT 1 FROM server WHERE interested_until > {now} LIMIT 1")
_SET_INTEREST = SharedStatement("UPDATE server SET interested_until = {now} + %s WHERE id = %s")
_SELECT_IDS = SharedStatement("SELECT id FROM server ORDER BY id")
_START_RECORDING = SharedStatement("UPDATE server SET is_recording = true WHERE id = %s")
_SELECT_GONE = SharedStatement(
    "SELECT id, kept_after, seen < {now} - %s FROM server "
    "WHERE seen < {now} - %s AND id <> %s ORDER BY id FOR UPDATE SKIP LOCKED"
)
_SELECT_OLD = SharedStatement(
    "SELECT max(number) FROM change WHERE server_id = %s AND (created < {now} - %s OR %s)"
)
_FORGET = SharedStatement("DELETE FROM server WHERE id = %s")
_SELECT_SERVERS = SharedStatement("SELECT id, is_recording, kept_after FROM server ORDER BY id")
_SELECT_AFTER = SharedStatement(
    "SELECT server_id, number, {now} - created, data FROM change "
    "JOIN unnest(%s::bigint[], %s::bigint[]) AS seen (server, up_to) "
    "ON server_id = seen.server AND number > seen.up_to ORDER BY id LIMIT %s"
)


class ServerState(NamedTuple):
    """What the row of a server says of its changes."""

    is_recording: bool
    kept_after: int


class StoredChanges(NamedTuple):
    """What one transaction changed, or a part of that.

    Attributes:
        server: the server that committed it.
        number: its number among the changes of that server.
        age: milliseconds since then.
        data: the changes, encoded.
    """

    server: int
    number: int
    age: int
    data: bytes


class _Kept(NamedTuple):
    number: int
    size: int
    monotonic: float


class ChangeLog:
    """The changes of this server, on the writer's thread alone.

    Attributes:
        kept_bytes: bytes of those that are kept.
    """

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._last = 0  # the number of the last change that may have been committed
        self._is_recording = True
        self._kept: deque[_Kept] = deque()
        self.kept_bytes = 0

    def begin(self) -> bool:
        """Return whether a transaction that has just begun is to be recorded."""
        row = _LOCK.first(self._membership.id)
        if row is None:  # the others forgot this server, which was away for long
            row = (True, self._last + 1)
            self._membership.come_back(self._last + 1)
        self._is_recording, kept_after = row
        self._last = max(self._last, kept_after)
        return self._is_recording

    def append(self, rows: Sequence[bytes]) -> None:
        """Store what the transaction changed."""
        if not self._is_recording:
            return  # it was stopped by this transaction
        moment = time.monotonic()
        for data in rows:
            self._last += 1
            _INSERT.run(self._membership.id, self._last, data)
            size = len(data) + _ROW_BYTES
            self._kept.append(_Kept(self._last, size, moment))
            self.kept_bytes += size
        if self.kept_bytes > KEPT_BYTES:
            self._delete_old(KEPT_BYTES * 3 // 4)

    def tidy(self, is_interested: bool) -> None:
        """Do what is due every few seconds: say whether changes are read here, remove old ones."""
        _SET_INTEREST.run(_milliseconds(INTEREST) if is_interested else 0, self._membership.id)
        if self._is_recording and _IS_WATCHED.first() is None:
            self._is_recording = False
            self._last += 1
            self._kept.clear()
            self.kept_bytes = 0
            _DELETE.run(self._membership.id, self._last)
            _STOP.run(self._last, self._membership.id)
        else:
            self._delete_old(KEPT_BYTES)
        self._tidy_after_others()

    def _delete_old(self, kept_bytes: int) -> None:
        """Delete changes of this server that are too old, and the oldest beyond some bytes."""
        too_old = time.monotonic() - KEPT_SECONDS
        number = 0
        while self._kept and (self.kept_bytes > kept_bytes or self._kept[0].monotonic < too_old):
            number, size, _ = self._kept.popleft()
            self.kept_bytes -= size
        if number:
            _DELETE.run(self._membership.id, number)
            _SET_KEPT.run(number, self._membership.id)

    def _tidy_after_others(self) -> None:
        """Delete what servers that are gone have left."""
        gone = _SELECT_GONE.rows(
            _milliseconds(FORGOTTEN), _milliseconds(SILENCE), self._membership.id
        )
        for server, kept_after, is_forgotten in gone:
            old = _SELECT_OLD.first(server, _milliseconds(KEPT_SECONDS), is_forgotten)
            number = (old and old[0]) or 0
            if number > kept_after:
                _DELETE.run(server, number)
                _SET_KEPT.run(number, server)
            if is_forgotten:
                _FORGET.run(server)


def announce_interest(engine: Engine, server: int) -> None:
    """Have all servers record what they commit from now on, for a server that reads it.

    Each row is a transaction of its own, so that this never holds one while it waits for another.
    """
    with engine.write_transaction():
        _SET_INTEREST.run(_milliseconds(INTEREST), server)
    with engine.read_transaction():
        servers = [row[0] for row in _SELECT_IDS.rows()]
    for each in servers:
        with engine.write_transaction():
            _START_RECORDING.run(each)


def server_states() -> dict[int, ServerState]:
    """Return what the servers say of their changes."""
    return {server: ServerState(*state) for server, *state in _SELECT_SERVERS.rows()}


def changes_after(seen: dict[int, int]) -> list[StoredChanges]:
    """Return the next changes after those that were seen, by server, up to `READ_ROWS`.

    Whatever follows from a change comes after it: a transaction that waited for the commit of
    another, because both changed one run, has a later `id`.
    """
    servers, numbers = list(seen), list(seen.values())
    return [StoredChanges(*row) for row in _SELECT_AFTER.rows(servers, numbers, READ_ROWS)]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
