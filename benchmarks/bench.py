"""One run of the benchmarks: the servers that its figures share, and its place on disk."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import peers
from benchmarks.server import ROOT, Server, runstream

sys.path.append(str(ROOT / "tests"))  # PostgreSQL is started as the tests start it
from support.postgres import Postgres


class Bench:
    """Starts servers on files of a temporary directory; `close` stops them and removes it.

    A peer's server takes seconds to start, so it is started once and shared by all figures. Ours
    is started anew for each, so that no figure depends on what another left behind.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="runstream-bench-"))
        self._servers: list[Server] = []
        self._peers: dict[str, Server] = {}
        self._postgres: Postgres | None = None

    def runstream(
        self, database: str | None = None, workers: int = 1, options: Sequence[str] = ()
    ) -> Server:
        """Start our server on a database of PostgreSQL, or on an empty file."""
        server = runstream(self.new_directory("runstream"), database, workers, options)
        self._servers.append(server)
        return server

    def peer(self, name: str) -> Server:
        """Return the server of a peer that all figures share, started at its first use."""
        if name not in self._peers:
            self._peers[name] = self.new_peer(name)
        return self._peers[name]

    def new_peer(self, name: str, database: str | None = None) -> Server:
        """Start a server of a peer on a database, or on an empty file.

        The peer is installed where it is missing.
        """
        progress(f"starting {name}")
        server = peers.start_peer(name, self.new_directory(name), database)
        self._servers.append(server)
        return server

    def postgres(self) -> Postgres:
        """Return the PostgreSQL that all figures share, as its makers ship it."""
        if self._postgres is None:
            self._postgres = Postgres(settings={})
        return self._postgres

    def mlflow_on_postgresql(self) -> Server:
        """Return the server of MLflow on PostgreSQL that all figures share."""
        name = "mlflow on PostgreSQL"
        if name not in self._peers:
            url = self.postgres().create_database()
            driver = url.replace("postgresql://", "postgresql+psycopg2://")
            self._peers[name] = self.new_peer("mlflow", driver)
        return self._peers[name]

    def discard(self, server: Server) -> None:
        """Stop a server and remove its data."""
        server.stop()
        shutil.rmtree(server.directory)

    def close(self) -> None:
        """Stop all servers and remove all data."""
        for server in self._servers:
            server.stop()
        if self._postgres is not None:
            self._postgres.stop()
        shutil.rmtree(self._directory)

    def new_directory(self, name: str) -> Path:
        """Make a directory that `close` removes."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._directory))


def progress(text: str) -> None:
    """Tell the person who waits what is going on."""
    print(f"  {text}", file=sys.stderr, flush=True)
