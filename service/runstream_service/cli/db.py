"""`runstream db`: care for a database file, with or without a server."""

from __future__ import annotations

from pathlib import Path

import click

from runstream.cli.output import format_bytes, json_option, print_json, progress_bar
from runstream.errors import FailedPrecondition, NotFound
from runstream_service.cli.database import (
    database_option,
    file_argument,
    parse_database_url,
    server_packages,
)


@click.group()
def db() -> None:
    """Upgrade, check and back up a database file."""


@db.command()
@file_argument
def upgrade(database: str) -> None:
    """Bring a database to the schema of this version, while no server serves it.

    A server does the same when it starts.
    """
    file = parse_database_url(database)
    if not file.exists():  # a server would create it, but here the name is a mistake
        raise NotFound(f"there is no database {file}", reason="DATABASE_NOT_FOUND")
    with server_packages():
        from runstream_service.care.lock import DatabaseLock, ServedElsewhereError
        from runstream_service.care.upgrade import open_upgraded
        from runstream_service.engine.database import CannotOpenError, close_database
    try:
        lock = DatabaseLock(file)
        try:
            with progress_bar(0, f"Moving the points of {file.name}") as bar:

                def progress(done: int, total: int) -> None:
                    bar.length = total
                    bar.update(done - bar.pos)

                applied = open_upgraded(file, progress)
        finally:
            close_database()
            lock.release()
    except ServedElsewhereError as error:
        raise FailedPrecondition(
            f"{error}: stop it, or wait; one that a client started ends 30 seconds after its last "
            "client"
        ) from None
    except CannotOpenError as error:
        raise FailedPrecondition(str(error)) from None
    for name in applied:
        click.echo(f"Applied {name}.")
    click.echo(f"{file} is up to date.")


@db.command()
@file_argument
@json_option
def check(database: str, as_json: bool) -> None:
    """Look for faults in a database, also while a server serves it; status 1 if there are any."""
    file = parse_database_url(database)
    with server_packages():
        from runstream_service.care.check import check as faults_by_check
    found: dict[str, list[str]] = {}
    for name, faults in faults_by_check(file):
        found[name] = faults
        if not as_json:
            for fault in faults or ["ok"]:
                click.echo(f"{name}: {fault}")
    if as_json:
        print_json(found)
    if any(found.values()):
        raise FailedPrecondition(f"{file} has faults", reason="DATABASE_FAULTY")


@db.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@database_option
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def backup(target: Path, database: str, overwrite: bool) -> None:
    """Copy a database to FILE, also while a server writes it.

    The copy is the database as it was when the command began, and FILE is there as a whole or not
    at all. Artifacts are not in the database.
    """
    file = parse_database_url(database)
    with server_packages():
        from runstream_service.care.backup import back_up
        from runstream_service.engine.database import CannotOpenError
    try:
        with progress_bar(0, f"Copying {file.name}") as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            back_up(file, target, overwrite=overwrite, progress=progress)
    except CannotOpenError as error:
        raise FailedPrecondition(str(error)) from None
    click.echo(f"{format_bytes(target.stat().st_size)} in {target}")
