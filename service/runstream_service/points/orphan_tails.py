"""Tails of servers that are gone: another server takes them over, and seals them.

A server seals the tails of the runs that it appended to last (`Run.appended_by`). To take one over
is to become that server, under the lock of the run, so that two never take the same.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from runstream.errors import RunstreamError
from runstream_service.engine.membership import SILENCE, Membership
from runstream_service.engine.readers import Readers
from runstream_service.engine.statements import SharedStatement, array_of
from runstream_service.engine.writer import Writer
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog

#: Seconds between two looks for such tails.
LOOK_SECONDS = 30.0

#: Tails that are taken over at once.
TAILS = 1_000

_SILENCE = round(1000 * SILENCE)
_FIND = SharedStatement(
    """
    SELECT run.id, waiting.points, waiting.rows FROM run JOIN (
        SELECT run_id, SUM(count)::bigint AS points, COUNT(*) AS rows
        FROM tail_row WHERE NOT is_rest GROUP BY run_id
    ) AS waiting ON run.id = waiting.run_id
    WHERE NOT EXISTS (
        SELECT 1 FROM server WHERE server.id = run.appended_by AND server.seen > {now} - %s
    ) LIMIT %s
    """
)
_LOCK = SharedStatement(
    """
    SELECT id FROM run WHERE id = ANY(%s) AND NOT EXISTS (
        SELECT 1 FROM server WHERE server.id = run.appended_by AND server.seen > {now} - %s
    ) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    """
)

Tails = dict[int, tuple[int, int]]


class OrphanTails:
    """Takes tails over into the backlog of this server."""

    def __init__(self, membership: Membership, backlog: Backlog, appender: PointAppender) -> None:
        self._is_alone = not membership.id
        self._backlog = backlog
        self._appender = appender

    async def take_over_regularly(self, readers: Readers, writer: Writer) -> None:
        """Take over what servers left that are gone, again and again, until cancelled."""
        while not self._is_alone:
            found: Tails = {}
            with suppress(RunstreamError):  # the reader or writer has logged it
                found = await readers.long(find)
                if found:
                    await writer.submit(self._take_over, found)
            if len(found) < TAILS:
                await asyncio.sleep(LOOK_SECONDS)

    def _take_over(self, tails: Tails) -> None:
        for (run,) in _LOCK.rows(array_of(tails), _SILENCE):
            self._appender.take_over(run)
            self._backlog.add(run, *tails[run])


def find() -> Tails:
    """Return runs of servers that are gone, with the points and rows that wait in their tails."""
    return {run: (points, rows) for run, points, rows in _FIND.rows(_SILENCE, TAILS)}
