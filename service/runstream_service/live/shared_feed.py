"""The feed of a server among others: it reads what all of them committed, itself included.

    Writer ──store──> table `change` ──read──> SharedFeed ──> Commits, and the watchers

The table is read five times a second while somebody watches here, and at once after a commit of
this server. A notification of the database only makes that sooner for the commits of others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from runstream.errors import RunstreamError
from runstream_service.engine import change_log
from runstream_service.engine.change_log import READ_ROWS, ChangeLog, ServerState, StoredChanges
from runstream_service.engine.changes import Change
from runstream_service.engine.engine import Engine, storage_error
from runstream_service.engine.membership import Membership
from runstream_service.live.commits import Commits, RunChanges
from runstream_service.live.feed import Feed

log = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds between two reads: while nothing is known to be new, after one that found something, and
# after one that failed.
_PAUSE = 0.2
_PAUSE_BETWEEN_NEWS = 0.05
_PAUSE_AFTER_FAILURE = 2.0

# Seconds between two commands that tidy up.
_TIDY_PAUSE = 5.0


class ChangeCodec(NamedTuple):
    """Makes bytes of changes, and of those what the feed keeps, for the rooms below messages.

    Attributes:
        encode: returns the rows of a transaction, none of which is large.
        decode: returns the changes of a row by run.
    """

    encode: Callable[[list[Change]], Sequence[bytes]]
    decode: Callable[[bytes], dict[str, RunChanges]]


class _News(NamedTuple):
    """What a read found."""

    servers: dict[int, ServerState]
    changes: list[tuple[StoredChanges, dict[str, RunChanges]]]


class SharedFeed(Feed):
    """A `Feed` whose commits come from the database, in an order in which causes come first."""

    def __init__(self, engine: Engine, membership: Membership, codec: ChangeCodec) -> None:
        super().__init__()
        self.commits = Commits({}, unknown="a server of it has been gone for long")
        self._engine = engine
        self._membership = membership
        self._codec = codec
        self._log = ChangeLog(membership)
        self._is_interested = (
            False  # whether the others are to record; the writer's thread reads it
        )
        self._is_reading = False  # whether `commits` has all that the table has
        self._reading = asyncio.Lock()
        self._news = asyncio.Event()
        self._notifications = engine.notifications()

    def begin(self) -> bool:
        return self._log.begin()

    def store(self, changes: list[Change]) -> None:
        self._log.append(self._codec.encode(changes))

    def publish(self, changes: list[Change] | None) -> None:
        if changes:
            self._news.set()
            if self._notifications:
                self._notifications.send_soon()

    def stored_bytes(self) -> int:
        return self._log.kept_bytes

    async def catch_up(self) -> None:
        self.keep_commits()
        async with self._reading:
            await self._read_all()

    async def run(self) -> None:
        """Read regularly while it is needed, and tidy up, until cancelled."""
        tasks = [self._read_regularly(), self._tidy_regularly()]
        if self._notifications:
            tasks.append(self._notifications.run(self._news.set))
        await asyncio.gather(*tasks)

    async def _read_regularly(self) -> None:
        while True:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), _PAUSE)
            self._news.clear()
            if not self._is_reading:
                continue
            if not self.is_needed():
                self._is_interested = self._is_reading = False
                self.commits.drop_all()
                continue
            try:
                async with self._reading:
                    await self._read_all()
            except RunstreamError:  # it is logged already
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)
            except Exception:
                log.exception("changes were not read")
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)
            await asyncio.sleep(_PAUSE_BETWEEN_NEWS)

    async def _tidy_regularly(self) -> None:
        while True:
            with suppress(RunstreamError):  # the writer has logged it
                await self.writer.submit(self._tidy)
            await asyncio.sleep(_TIDY_PAUSE)

    def _tidy(self) -> None:
        self._log.tidy(self._is_interested)

    async def _read_all(self) -> None:
        """Take all changes that are in the table and that `commits` has not seen."""
        if not self._is_reading:
            await self._start_reading()
        while True:
            news = await self._ask(self._read, self._seen())
            if self._has_gap(news.servers):
                await self._start_reading()
                continue
            for stored, runs in news.changes:
                self._add(str(stored.server), stored.number, runs)
            self.lag = max((stored.age / 1000 for stored, _ in news.changes), default=0.0)
            if len(news.changes) < READ_ROWS:
                self._take_servers(news.servers)
                return

    async def _start_reading(self) -> None:
        """Have all servers record, and begin with the first changes that are there."""
        self._is_interested = True
        await self._ask(change_log.announce_interest, self._engine, self._membership.id)
        servers = await self._ask(self._read_servers)
        self.commits.skip_to({str(each): state.kept_after for each, state in servers.items()})
        self._end_watches()
        self._is_reading = True

    async def _ask(self, function: Callable[..., T], *args: Any) -> T:
        """Ask the database on a thread of its own, so that no other query holds watches up."""
        try:
            return await asyncio.to_thread(function, *args)
        except Exception as error:
            if self._engine.is_storage_fault(error):
                raise storage_error(error) from error
            raise

    def _end_watches(self) -> None:
        """Let those who watch find that commits came of which nothing is known."""
        for watcher in self._watchers:
            watcher.pending.append(self.commits.last)
            watcher.wake()

    def _has_gap(self, servers: dict[int, ServerState]) -> bool:
        seen = self.commits.seen
        return any(
            not state.is_recording or state.kept_after > seen.get(str(server), 0)
            for server, state in servers.items()
        )

    def _take_servers(self, servers: dict[int, ServerState]) -> None:
        """Take servers that are new, and forget those whose rows are gone."""
        seen = self.commits.seen
        known = {str(server): seen.get(str(server), 0) for server in servers}
        if known.keys() != seen.keys():
            self.commits.set_servers(known)

    def _seen(self) -> dict[int, int]:
        return {int(server): number for server, number in self.commits.seen.items()}

    def _read_servers(self) -> dict[int, ServerState]:
        with self._engine.read_transaction():
            return change_log.server_states()

    def _read(self, seen: dict[int, int]) -> _News:
        """Return what is new, in one snapshot."""
        with self._engine.read_transaction():
            servers = change_log.server_states()
            seen = {server: seen.get(server, 0) for server in servers}
            changes = change_log.changes_after(seen)
        return _News(servers, [(one, self._codec.decode(one.data)) for one in changes])
