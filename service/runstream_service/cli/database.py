"""Options and errors that the commands on a database file have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from runstream.errors import InvalidArgument
from runstream.transport import tracking_uri
from runstream_service.config import is_postgresql

_FILES = "sqlite:///relative.db, sqlite:////absolute.db, {}a path"


def database_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --database."""
    return _option(f"{_FILES.format('')}, or postgresql://user@host/name")(command)


def database_file_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --database to a command that is for files alone."""
    return _option(_FILES.format("or "))(command)


def _option(forms: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--database",
        envvar="RUNSTREAM_DATABASE",
        default="sqlite:///runstream.db",
        show_default=True,
        show_envvar=True,
        metavar="URL",
        help=f"Where runs are stored: {forms}.",
    )


def file_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --database, and the argument FILE, which means the same."""

    @database_option
    @click.argument("file", required=False, metavar="[FILE]")
    @wraps(command)
    def with_database(database: str, file: str | None, **arguments: Any) -> None:
        command(database=file or database, **arguments)

    return with_database


def parse_database_file(database: str, instead: str) -> Path:
    """Return what `parse_database_url` does, for a command that is for files alone.

    Args:
        database: the URL.
        instead: what is used instead for another database.
    """
    if is_postgresql(database):
        raise InvalidArgument(f"this command is for SQLite files; for PostgreSQL use {instead}")
    return parse_database_url(database)


def parse_database_url(database: str) -> Path:
    """Return the file of a database URL; raises InvalidArgument."""
    try:
        file = tracking_uri.parse(database).database
    except InvalidArgument:  # its text is about tracking URIs
        file = None
    if file is None:
        is_folder = os.path.isdir(database.removeprefix("sqlite:///"))
        reason = "is a folder" if is_folder else "is not the name of such a file"
        raise InvalidArgument(
            f"runs are stored in an SQLite file, and {database!r} {reason}: "
            "use sqlite:///relative.db, sqlite:////absolute.db, a path, or "
            "postgresql://user@host/name for a PostgreSQL"
        )
    return Path(file)


@contextmanager
def server_packages() -> Iterator[None]:
    """Import from the server in this block, or tell the person what to install."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise _Missing(
            f"this needs packages that are not here ({missing.name}): "
            "pip install '.[server]' in the sources of Runstream installs them"
        ) from None


class _Missing(click.ClickException):
    """The server cannot start: exit status 2."""

    exit_code = 2
