"""The connections to PostgreSQL that threads share: Peewee's pool, in which nobody holds up others.

Peewee makes a connection while it holds the lock of the pool. A database that cannot be reached
would then hold up all threads, one after the other, and those that give a connection back, too.
"""

from __future__ import annotations

import heapq
import select
import time
from contextlib import nullcontext, suppress
from typing import Any

import psycopg
from peewee import PostgresqlDatabase
from playhouse.pool import MaxConnectionsExceeded, PoolConnection, PooledPostgresqlDatabase
from psycopg.pq import TransactionStatus

from runstream_service.engine.engine import Connections


class PostgresqlPool(PooledPostgresqlDatabase):  # type: ignore[misc] # Peewee has no types
    """A pool of connections, each of one thread at a time."""

    def __init__(self, database: str, **parameters: Any) -> None:
        super().__init__(database, **parameters)
        self._lock = nullcontext()  # what it would protect is of one thread each
        self._connecting = 0

    def connections(self) -> Connections:
        """Return how many connections there are."""
        return Connections(len(self._in_use), len(self._connections), self._max_connections)

    def discard_connections(self, connection: Any) -> None:
        """Close the connection of this thread, and all that no thread uses."""
        connection.close()
        self.close_idle()

    def _connect(self) -> Any:
        with self._pool_lock:
            connection = self._take_idle()
            if connection is not None:
                return connection
            if len(self._in_use) + self._connecting >= self._max_connections:
                raise MaxConnectionsExceeded("all connections of this server are in use")
            self._connecting += 1
        try:
            connection = PostgresqlDatabase._connect(self)  # type: ignore[attr-defined]
        finally:
            with self._pool_lock:
                self._connecting -= 1
        with self._pool_lock:
            self._add(connection)
        return connection

    def _take_idle(self) -> Any:
        while self._connections:
            _, _, connection = heapq.heappop(self._connections)
            if not self._is_closed(connection):
                self._add(connection)
                return connection
            self._close_raw(connection)
        return None

    def _add(self, connection: Any) -> None:
        now = time.time()
        self._in_use[self.conn_key(connection)] = PoolConnection(now, connection, now)

    def _is_closed(self, connection: Any) -> bool:
        """Return whether a connection of the pool was closed meanwhile, without a round trip.

        A server that ends, and the kernel if it is killed, closes its end, which can be read.
        """
        if connection.closed:
            return True
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        with suppress(psycopg.OperationalError):
            while waiting.poll(0):  # first what it said, then the end
                connection.pgconn.consume_input()
        return bool(connection.pgconn.transaction_status != TransactionStatus.IDLE)
