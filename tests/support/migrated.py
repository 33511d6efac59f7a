"""Databases that have their tables already, for tests that only want an empty server.

To make the tables takes more than half of the time in which a server starts. Copies have the key
of page tokens in common, too.
"""

from __future__ import annotations

from pathlib import Path

from support.forked_server import fork_server
from support.server_process import ENVIRONMENT


def make_migrated_file(folder: Path) -> Path:
    """Make a file of SQLite with the tables, to be copied."""
    file = folder / "runs.db"
    file.touch(0o600)
    migrate(str(file), folder)
    return file


def migrate(database: str, folder: Path) -> None:
    """Make the tables in an empty database, by a command that runs in a folder."""
    command = fork_server(["db", "upgrade", database], ENVIRONMENT, folder)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 0, errors
