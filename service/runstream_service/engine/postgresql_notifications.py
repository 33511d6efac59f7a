"""Notifications of PostgreSQL, by which a server wakes the others. They are hints and no more.

An engine that speaks PostgreSQL's protocol may have none, and a pool of connections in between may
swallow them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg

log = logging.getLogger(__name__)

_CHANNEL = "runstream_changes"

# Seconds between two notifications, and until the next attempt when it is not possible to listen.
_PAUSE = 0.05
_PAUSE_AFTER_FAILURE = 10.0


class Notifications:
    """Sends notifications and listens to them, on two connections of its own."""

    def __init__(self, connect: Callable[[], Any], execute: Callable[[Any, str], object]) -> None:
        """Prepare.

        Args:
            connect: returns a new connection that commits each statement.
            execute: runs a statement on it, and waits no longer than a limit.
        """
        self._connect = connect
        self._execute = execute
        self._is_due = asyncio.Event()

    def send_soon(self) -> None:
        """Send a notification within some milliseconds, one for all who ask meanwhile."""
        self._is_due.set()

    async def run(self, wake: Callable[[], None]) -> None:
        """Send what is due, and call `wake` when another server sends, until cancelled."""
        await asyncio.gather(self._repeat(self._send), self._repeat(self._listen, wake))

    async def _repeat(self, work: Callable[..., Any], *args: Any) -> None:
        while True:
            try:
                await work(*args)
            except psycopg.Error as error:
                log.debug("no notifications for now: %s", error)
            await asyncio.sleep(_PAUSE_AFTER_FAILURE)

    async def _send(self) -> None:
        await self._is_due.wait()
        with closing(await asyncio.to_thread(self._connect)) as connection:
            while True:
                await self._is_due.wait()
                self._is_due.clear()
                await asyncio.to_thread(self._execute, connection, f"NOTIFY {_CHANNEL}")
                await asyncio.sleep(_PAUSE)

    async def _listen(self, wake: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        with closing(await asyncio.to_thread(self._connect)) as connection:
            await asyncio.to_thread(self._execute, connection, f"LISTEN {_CHANNEL}")
            ended: asyncio.Future[None] = loop.create_future()
            descriptor = connection.fileno()
            loop.add_reader(descriptor, _receive, connection, wake, ended)
            try:
                await ended
            finally:
                loop.remove_reader(descriptor)


def _receive(connection: Any, wake: Callable[[], None], ended: asyncio.Future[None]) -> None:
    """Read what has come, without waiting."""
    try:
        connection.pgconn.consume_input()
        if connection.pgconn.notifies():
            wake()
        while connection.pgconn.notifies():
            pass
    except psycopg.Error as error:
        if not ended.done():
            ended.set_exception(error)
