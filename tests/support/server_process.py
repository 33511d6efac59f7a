"""A real server in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from support.forked_server import ForkedProcess, fork_server
from support.ports import reserve_port

ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("RUNSTREAM_", "MLFLOW_"))
} | {"RUNSTREAM_HTTP_PORT": "off"}  # all tests want its default at the same time


class ServerProcess:
    """A running `runstream server`.

    Attributes:
        database: its SQLite file, or where that would be; its folder has the artifacts.
        url: of the database.
        address: `host:port`; the same after `restart`.
        uri: tracking URI of the server.
        http: URI of its REST API, the same after `restart`; empty unless it is asked for.
        process: the process, with its output as text.
    """

    def __init__(
        self,
        database: Path,
        environment: dict[str, str] | None = None,
        program: Sequence[str] | None = None,
        wait: bool = True,
        python: Path | str | None = None,
        url: str | None = None,
        address: str | None = None,
    ) -> None:
        """Start a server on a file, or on another database.

        Args:
            database: the file.
            environment: more variables of its environment; RUNSTREAM_HTTP_PORT=0 asks for a REST
                API on whichever port is free.
            program: what Python runs in place of `-m runstream`, in front of its arguments.
            wait: whether it accepts calls when this returns, and not only after `wait_until_ready`.
            python: another interpreter, which runs it.
            url: the other database.
            address: where it listens, in place of a free port.
        """
        self.database = database
        self.url = url or f"sqlite:///{database}"
        environment = environment or {}
        self._environment = ENVIRONMENT | environment
        # A fork is too late for what Python reads when it starts.
        self._is_forked = not (program or python or "PYTHONPATH" in environment)
        self._command = [python or sys.executable, *(program or ("-m", "runstream"))]
        if url:
            artifacts = str(database.with_name("artifacts"))
            self._environment.setdefault("RUNSTREAM_ARTIFACT_ROOT", artifacts)
        if self._environment["RUNSTREAM_HTTP_PORT"] == "0":
            self._environment["RUNSTREAM_HTTP_PORT"] = str(reserve_port())
        self.address = address or f"127.0.0.1:{reserve_port()}"
        self.process = self._launch()
        if wait:
            self.wait_until_ready()

    @property
    def uri(self) -> str:
        scheme = "grpcs" if "RUNSTREAM_TLS_CERT" in self._environment else "grpc"
        return f"{scheme}://{self.address}"

    def start(self) -> None:
        """Start the process and wait until it accepts calls."""
        self.process = self._launch()
        self.wait_until_ready()

    def _launch(self) -> subprocess.Popen[str] | ForkedProcess:
        host, _, port = self.address.rpartition(":")
        options = {
            "--database": self.url,
            "--host": host.strip("[]"),
            "--port": port,
        }
        arguments = ["server", *(word for option in options.items() for word in option)]
        if self._is_forked:
            return fork_server(arguments, self._environment, self.database.parent)
        return subprocess.Popen(
            [*self._command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd=self.database.parent,
        )

    def wait_until_ready(self) -> ServerProcess:
        """Wait until it accepts calls."""
        assert self.process.stdout is not None
        greeting = self.process.stdout.readline()
        grpc = re.search(r"listening on grpcs?://([^,]+)", greeting)
        if grpc is None:
            raise AssertionError(f"the server did not start: {self.process.communicate()[1]}")
        self.address = grpc[1]
        http = re.search(r"https?://[^,]+", greeting)
        self.http = http[0] if http else ""
        return self

    def query(self, sql: str) -> list[Any]:
        """Run a statement on its database, beside the server; return the rows."""
        if self.url.startswith("postgresql:"):
            import psycopg  # not everybody who starts servers has it

            with psycopg.connect(self.url) as connection:
                cursor = connection.execute(sql)
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(self.database, timeout=30)) as file, file:
            return file.execute(sql).fetchall()

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        """End the process as an administrator does; return what it wrote to stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, errors
        return errors

    def restart(self) -> ServerProcess:
        """Start again on the same ports and file."""
        self.start()
        return self
