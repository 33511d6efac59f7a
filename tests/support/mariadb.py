"""A real MariaDB in a temporary folder, on a port of its own."""

from __future__ import annotations

import getpass
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pymysql

from support.ports import reserve_port
from support.waiting import wait_until

# Seconds within which it must have started; a busy machine needs some.
_DEADLINE = 90.0


class Mariadb:
    """A running server with the database `mlflow`; `stop` ends it and removes its folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="runstream-mariadb-"))
        self.port = reserve_port()
        common = ["--no-defaults", f"--datadir={self.folder}/data", f"--user={getpass.getuser()}"]
        with open(self.folder / "log", "ab") as log:
            subprocess.run(
                ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"],
                check=True,
                stdout=log,
                stderr=log,
            )
            self.process = subprocess.Popen(
                [
                    "/usr/sbin/mariadbd",
                    *common,
                    "--bind-address=127.0.0.1",
                    f"--port={self.port}",
                    f"--socket={self.folder}/socket",
                    "--innodb-flush-log-at-trx-commit=0",
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._accepts_connections, _DEADLINE)
        self._execute("CREATE DATABASE mlflow CHARACTER SET utf8mb4")

    def url(self, driver: str = "") -> str:
        """Return the URL of the database, for SQLAlchemy with a driver."""
        return f"mysql{driver}://root@127.0.0.1:{self.port}/mlflow"

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.folder)

    def _accepts_connections(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self._execute("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        with (
            pymysql.connect(host="127.0.0.1", port=self.port, user="root") as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
