"""`runstream db`: care for a database file, with or without a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runstream.cli.age_option import parse_age
from runstream.cli.output import format_bytes, json_option, print_json, progress_bar
from runstream.errors import FailedPrecondition, InvalidArgument, NotFound
from runstream_service.cli.database import (
    database_file_option,
    file_argument,
    parse_database_file,
    parse_database_url,
    server_packages,
)
from runstream_service.config import is_postgresql

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from runstream_service.care.check import Checked
    from runstream_service.engine.engine import Engine
    from runstream_service.engine.store import Store


@click.group()
def db() -> None:
    """Upgrade, check, back up, restore, copy and distribute a database."""


@db.command()
@file_argument
def upgrade(database: str) -> None:
    """Bring a database to the schema of this version, while no server serves it.

    A server does the same when it starts. Back the database up first: older versions cannot open
    it any more. If points of a file move, that needs room for a second file beside it.
    """
    if is_postgresql(database):
        _upgrade_postgresql(database)
    else:
        _upgrade_file(parse_database_url(database))


def _upgrade_postgresql(url: str) -> None:
    with server_packages():
        from runstream_service.care.upgrade import open_upgraded, refuse_if_served
        from runstream_service.engine.store import open_engine
    with _refusals():
        engine = open_engine(url)
        refuse_if_served(engine)
        _close_upgraded(open_upgraded(engine), engine.name)


def _upgrade_file(file: Path) -> None:
    if not file.exists():  # a server would create it, but here the name is a mistake
        raise NotFound(f"there is no database {file}", reason="DATABASE_NOT_FOUND")
    with server_packages():
        from runstream_service.care.upgrade import open_upgraded
        from runstream_service.engine.sqlite import SqliteEngine
    with _locked(file), progress_bar(0, f"Moving the points of {file.name}") as bar:
        store = open_upgraded(SqliteEngine(file), _show(bar))
    _close_upgraded(store, str(file))


def _close_upgraded(store: Store, name: str) -> None:
    store.close()
    for migration in store.applied:
        click.echo(f"Applied {migration}.")
    click.echo(f"{name} is up to date.")


@db.command()
@file_argument
@json_option
def check(database: str, as_json: bool) -> None:
    """Look for faults in a database, also while a server serves it; status 1 if there are any.

    A database of an older version has no fault for that; its points and consoles are not checked
    (null in JSON).
    """
    with _refusals(), server_packages():
        checks, name = _checks(database)
    found = []
    with _refusals():
        for checked in checks:
            found.append(checked)
            if not as_json:
                for line in checked.faults or [checked.note or "ok"]:
                    click.echo(f"{checked.name}: {line}")
    if as_json:
        print_json({checked.name: None if checked.skipped else checked.faults for checked in found})
    if any(checked.faults for checked in found):
        raise FailedPrecondition(f"{name} has faults", reason="DATABASE_FAULTY")


@db.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@database_file_option
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def backup(target: Path, database: str, overwrite: bool) -> None:
    """Copy an SQLite database to FILE, also while a server writes it; for PostgreSQL: pg_dump.

    The copy is the database as it was when the command began, and FILE is there as a whole or not
    at all. Artifacts are not in the database.
    """
    file = parse_database_file(database, "pg_dump")
    with server_packages():
        from runstream_service.care.backup import back_up
    with _refusals(), progress_bar(0, f"Copying {file.name}") as bar:
        back_up(file, target, overwrite=overwrite, progress=_show(bar))
    click.echo(f"{format_bytes(target.stat().st_size)} in {target}")


@db.command()
@click.argument("backup", metavar="BACKUP", type=click.Path(path_type=Path, dir_okay=False))
@database_file_option
def restore(backup: Path, database: str) -> None:
    """Put a copy of BACKUP in the place of an SQLite database, while no server serves that.

    BACKUP is checked first. The former database stays beside under another name. Artifacts are as
    they are: files that were purged since the backup are listed again, but cannot be downloaded.
    """
    file = parse_database_file(database, "pg_restore")
    with server_packages():
        from runstream_service.care.restore import restore as restore_backup
    with _locked(file), progress_bar(0, f"Copying {backup.name}") as bar:
        former = restore_backup(backup, file, _show(bar))
    click.echo(f"{file} is restored from {backup}.")
    if former is not None:
        click.echo(f"The former database is {former}; remove it when you do not need it.")


@db.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy all that FROM has into TO, an SQLite file or a PostgreSQL database, which is empty.

    No server may serve them meanwhile. A copy that was interrupted goes on when the command runs
    again, one that is complete is only compared. At the end all tables are compared. Artifacts stay
    in their folder or bucket.
    """
    with server_packages():
        from runstream_service.care.copy import check_source, copy_database
    with _refusals(), ExitStack() as held:
        old, new = _named_engine(source), _named_engine(target)
        if old.name == new.name:
            raise InvalidArgument(f"FROM and TO are both {old.name}")
        if old.file is None or old.file.is_file():  # else nothing is made beside it
            _hold(old, held)
        check_source(old)
        _hold(new, held)
        with progress_bar(0, f"Copying to {new.name}") as bar:
            copied = copy_database(old, new, _show(bar))
    for fault in copied.faults:
        click.echo(f"points, as in {old.name}: {fault}", err=True)
    if copied.was_complete:
        click.echo(f"{new.name} was a complete copy of {old.name} already.")
    click.echo(f"{copied.rows} rows of {copied.tables} tables are in {new.name}, and compared.")
    if not copied.was_complete:
        click.echo(f"The points were checked: {'see above' if copied.faults else 'no faults'}.")
    click.echo(
        "Artifacts stay where they are: serve the copy with the same `--artifact-root`, which is "
        "the folder `artifacts` beside an SQLite file if none was given."
    )


@db.command("create-token")
@file_argument
@click.option("--user", required=True, metavar="NAME", help="Whose it is, who becomes an admin.")
@click.option(
    "--expires",
    callback=parse_age,
    metavar="TIME",
    help="It is valid for so long: 90d, 12h, 1d2h3m4s.  [default: for ever]",
)
def create_token(database: str, user: str, expires: float | None) -> None:
    """Make a token of an admin in a database, for its first server or when all tokens are lost.

    No server may serve a file meanwhile; the servers of a PostgreSQL take the token after a second.
    """
    with _refusals(), ExitStack() as held:
        _print_new_token(_open_to_change(database, held), user, expires)


def _open_to_change(database: str, held: ExitStack) -> Store:
    """Open a database, and make it if there is none, until `held` is closed."""
    with server_packages():
        from runstream_service.care.upgrade import open_upgraded, refuse_if_served
        from runstream_service.engine.sqlite import SqliteEngine
        from runstream_service.engine.store import Store, open_engine
    if not is_postgresql(database):
        file = parse_database_url(database)
        held.enter_context(_locked(file))
        store = open_upgraded(SqliteEngine(file))
    else:
        store = Store(open_engine(database))
        held.callback(store.close)
        if not store.engine.get_tables() or store.migrations().pending:
            refuse_if_served(store.engine)
            store = open_upgraded(store.engine)
    held.callback(store.close)
    return store


def _print_new_token(store: Store, user: str, expires: float | None) -> None:
    from runstream_service.access import audit, tokens
    from runstream_service.access.caller import ANYONE, ServerRole

    expiry = None if expires is None else int((time.time() + expires) * 1000)
    new = tokens.NewToken(user, "runstream db create-token", ServerRole.ADMIN, expiry)
    with store.engine.connection_context(), store.engine.write_transaction():
        token, text = tokens.create(ANYONE, new)
        audit.record_command("runstream db create-token", tokens.subject_of(token))
    click.echo(text)
    click.echo(f"A token of the admin {user!r} is in {store.engine.name}.", err=True)


@db.command()
@click.argument("database", metavar="URL")
@click.option("--run", is_flag=True, help="Run the statements, and not only show them.")
def distribute(database: str, run: bool) -> None:
    """Show the statements that distribute the points of a PostgreSQL with Citus over machines."""
    if not is_postgresql(database):
        raise InvalidArgument(f"Citus distributes a PostgreSQL, and {database!r} is a file")
    with server_packages():
        from runstream_service.care import distribution
        from runstream_service.engine.store import open_engine
    with _refusals():
        engine = open_engine(database)
        sql = distribution.distribute(engine) if run else distribution.statements()
    for statement in sql:
        click.echo(f"{statement};")
    if run:
        click.echo(f"The points of {engine.name} are distributed by run.", err=True)


def _named_engine(database: str) -> Engine:
    from runstream_service.engine.sqlite import SqliteEngine
    from runstream_service.engine.store import open_engine

    if is_postgresql(database):
        return open_engine(database)
    return SqliteEngine(parse_database_url(database).absolute(), pragmas={}, read_only=True)


def _hold(engine: Engine, held: ExitStack) -> None:
    """Let this command alone use a database, as far as files can be locked."""
    if engine.file is not None:
        held.enter_context(_locked(engine.file))


def _checks(database: str) -> tuple[Iterator[Checked], str]:
    """Return the checks of a database, and its name."""
    from runstream_service.care.check import check, check_engine
    from runstream_service.engine.store import open_engine

    if is_postgresql(database):
        engine = open_engine(database)
        return check_engine(engine), engine.name
    file = parse_database_url(database)
    return check(file), str(file)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of a database in this block, so that no server serves it."""
    with server_packages():
        from runstream_service.care.lock import DatabaseLock, ServedElsewhereError
    with _refusals():
        try:
            lock = DatabaseLock(file)
        except ServedElsewhereError as error:
            raise FailedPrecondition(
                f"{error}: stop it, or wait; a server that a client started ends 30 seconds after "
                "its last client"
            ) from None
        try:
            yield
        finally:
            lock.release()


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell the person in one line why a database cannot be opened."""
    with server_packages():
        from runstream_service.engine.engine import CannotOpenError
    try:
        yield
    except CannotOpenError as error:
        raise FailedPrecondition(str(error)) from None


def _show(bar: ProgressBar[int]) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    return progress
