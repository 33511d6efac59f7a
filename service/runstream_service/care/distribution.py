"""How Citus distributes a database: by run, the tables that grow with every point and line.

All other tables stay on the coordinator, where every search finds them beside each other. A run's
rows of the distributed tables are in one shard of each, on one machine. So a read of a run is one
snapshot there, and a seal appears as a whole (docs/scaling.md).
"""

from __future__ import annotations

from runstream.errors import FailedPrecondition
from runstream_service.engine.engine import CannotOpenError, Engine
from runstream_service.engine.membership import refuse_served
from runstream_service.engine.store import Store

#: The column that each distributed table, and each of its unique keys, has.
COLUMN = "run_id"

#: The tables that are distributed; no foreign key leads from or to one of them.
TABLES = ("tail_row", "chunk", "chunk_data", "console_line")

_STATEMENTS = {
    table: f"SELECT create_distributed_table('{table}', '{COLUMN}', colocate_with => "
    f"'{'none' if table == TABLES[0] else TABLES[0]}')"
    for table in TABLES
}


def statements() -> list[str]:
    """Return the statements of SQL that distribute the tables, in their order."""
    return list(_STATEMENTS.values())


def distribute(engine: Engine) -> list[str]:
    """Distribute those tables that are not distributed yet; return the statements that were run.

    Raises:
        FailedPrecondition: the database is not of Citus, or it is served.
        CannotOpenError: it cannot be reached, or Citus refuses a statement.
    """
    store = Store.open(engine)
    try:
        return _distribute(engine)
    except engine.ERRORS as error:
        reason = str(error).partition("\n")[0]
        raise CannotOpenError(f"{engine.name} cannot be distributed: {reason}") from error
    finally:
        store.close()


def _distribute(engine: Engine) -> list[str]:
    with engine.connection_context():
        if not engine.execute_sql("SELECT FROM pg_extension WHERE extname = 'citus'").rowcount:
            raise FailedPrecondition(
                f"{engine.name} has no extension citus; without --run the statements are shown",
                reason="CITUS_MISSING",
            )
    refuse_served(engine)
    with engine.connection_context():
        rows = engine.execute_sql("SELECT logicalrelid::text FROM pg_dist_partition").fetchall()
        found = [sql for table, sql in _STATEMENTS.items() if (table,) not in rows]
        for sql in found:  # each is a transaction, and moves the rows that are there
            engine.execute_sql(sql)
    return found
