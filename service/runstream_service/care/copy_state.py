"""The two databases of a copy: whether they can be its source and its target, and how far it is.

Until a copy is complete, its target says so: a file has another name, and every database has the
setting `MARKER`, with which no server serves it.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition
from runstream_service.care.table_copy import MARKER, OWN_SETTINGS, copied_tables
from runstream_service.engine.engine import CannotOpenError, Engine
from runstream_service.engine.membership import refuse_served
from runstream_service.engine.sqlite import PRAGMAS, SqliteEngine
from runstream_service.engine.sqlite_files import BESIDE
from runstream_service.engine.store import Store
from runstream_service.engine.tables import Experiment, Setting

# A power cut may undo the last transactions of a draft, from which the copy then goes on.
_DRAFT_PRAGMAS = {**PRAGMAS, "synchronous": "normal"}


class CopyState(NamedTuple):
    """How far a copy is: which database is copied, the table, and the key of its last row."""

    source: str
    table: str = ""
    position: list[Any] | None = None


def refuse_incomplete_copy(store: Store) -> None:
    """Close a database and raise CannotOpenError if it is a copy that is not complete."""
    with store.engine.connection_context():
        state = _load_state(store.engine)
    if state is not None:
        store.close()
        raise CannotOpenError(
            f"database {store.engine.name} is a copy that is not complete; `runstream db copy` "
            "with the same FROM and TO completes it"
        )


def begin_anew(target: Engine) -> str:
    """Return what a person does who wants to copy from the start."""
    what = f"Remove {target.file}" if target.file else f"Empty {target.name}"
    return f"{what} and copy again"


def open_source(engine: Engine, opened: ExitStack) -> str:
    """Check that a database can be copied; return what tells it from others."""
    if engine.file is not None and not engine.file.is_file():
        raise FailedPrecondition(f"there is no database {engine.file}", reason="DATABASE_NOT_FOUND")
    store = Store(engine)
    opened.callback(store.close)
    pending, unknown = store.migrations()
    if "0001_initial" in pending:
        raise FailedPrecondition(f"{engine.name} is no database of Runstream")
    if unknown:
        raise FailedPrecondition(f"{engine.name} is of a newer version of Runstream; upgrade that")
    if pending:
        raise FailedPrecondition(
            f"{engine.name} is of an older version of Runstream; `runstream db upgrade` brings a "
            "file up to date, and a server that starts any database"
        )
    refuse_served(engine)
    with engine.connection_context():
        if _load_state(engine) is not None:
            raise FailedPrecondition(f"{engine.name} is itself a copy that is not complete")
        return _load_identity(engine)


def is_complete_copy(engine: Engine, identity: str, opened: ExitStack) -> bool:
    """Return whether a database is a copy that is complete, and open it if it is one."""
    if engine.file is not None and not engine.file.is_file():
        return False
    with ExitStack() as tried:
        store = Store(engine)
        tried.callback(store.close)
        try:
            if any(store.migrations()):  # it is empty, or of another version
                return False
        except engine.ERRORS:
            if engine.file is None:
                raise
            return False  # a file of another kind
        with engine.connection_context():
            if _load_state(engine) is not None or _load_identity(engine) != identity:
                return False
        refuse_served(engine)
        opened.push(tried.pop_all())
    return True


def open_target(engine: Engine, identity: str, opened: ExitStack) -> tuple[Engine, CopyState]:
    """Return the database that is filled, and how far it is."""
    if engine.file is not None:
        if engine.file.exists():
            raise FailedPrecondition(f"{engine.file} is there already", reason="TARGET_EXISTS")
        engine = _open_draft(engine.file)
    else:
        _refuse_old_target(engine)
    store = Store.open(engine)
    opened.callback(store.close)
    refuse_served(engine)
    with engine.write_transaction():
        state = _load_state(engine)
        if state is None:
            _refuse_data(engine)
            state = CopyState(identity)
            # What a new database has.
            engine.execute(Experiment.delete())
            engine.execute(Setting.delete().where(Setting.name.not_in(OWN_SETTINGS)))
            save_state(engine, state)
    if state.source != identity:
        raise FailedPrecondition(
            f"{engine.name} is a copy of another database that is not complete. "
            f"{begin_anew(engine)}",
            reason="TARGET_NOT_EMPTY",
        )
    return engine, state


def _open_draft(file: Path) -> SqliteEngine:
    """Return the file that becomes another one when it is complete, as far as it is."""
    draft = file.with_name(f"{file.name}.copy")
    engine = SqliteEngine(draft, _DRAFT_PRAGMAS)
    if draft.exists() and not _is_begun(engine):  # or it was complete, and did not get its name
        remove_file(draft)
    return engine


def _is_begun(engine: Engine) -> bool:
    try:
        with engine.connection_context():
            return _load_state(engine) is not None
    except engine.ERRORS:  # it has no tables
        return False
    finally:
        engine.close_all()


def remove_file(draft: Path) -> None:
    """Remove a draft, and what SQLite has beside it."""
    for suffix in ("", *BESIDE):
        Path(f"{draft}{suffix}").unlink(missing_ok=True)


def _refuse_old_target(engine: Engine) -> None:
    """Refuse a database that has a schema of another version: it is not empty."""
    store = Store(engine)
    try:
        pending = store.migrations().pending
    finally:
        store.close()
    if pending and "0001_initial" not in pending:
        _raise_not_empty(engine)


def _refuse_data(engine: Engine) -> None:
    for table in copied_tables():
        rows = 1 if table.model in (Experiment, Setting) else 0  # of a new database
        if len(list(islice(table.read(engine), rows + 1))) > rows:
            _raise_not_empty(engine)


def _raise_not_empty(engine: Engine) -> None:
    raise FailedPrecondition(
        f"{engine.name} has data already; a copy needs an empty database",
        reason="TARGET_NOT_EMPTY",
    )


def _load_state(engine: Engine) -> CopyState | None:
    query = Setting.select(Setting.value).where(Setting.name == MARKER)
    row = _run(engine, query).fetchone()
    return None if row is None else CopyState(*json.loads(bytes(row[0])))


def _load_identity(engine: Engine) -> str:
    query = Setting.select(Setting.value).where(Setting.name == "page_token_key")
    return sha256(bytes(_run(engine, query).fetchone()[0])).hexdigest()


def save_state(engine: Engine, state: CopyState) -> None:
    """Say how far a copy is, in the transaction of this thread."""
    insert = Setting.insert({Setting.name: MARKER, Setting.value: json.dumps(state).encode()})
    _run(engine, insert.on_conflict(conflict_target=[Setting.name], preserve=[Setting.value]))


def remove_marker(engine: Engine) -> None:
    """Say that a copy is complete."""
    with engine.write_transaction():
        _run(engine, Setting.delete().where(Setting.name == MARKER))


def _run(engine: Engine, query: Any) -> Any:
    sql, values = engine.get_sql_context().sql(query).query()
    return engine.connection().execute(sql, values)
