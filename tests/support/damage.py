"""Damages what a server has stored."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from support.server_process import ServerProcess


def damage_chunk(server: ServerProcess, key: str, number: int = 0, run_id: str = "%") -> None:
    """Overwrite one of the chunks of a metric, of the run if there are several."""
    with closing(sqlite3.connect(server.database, timeout=30)) as database, database:
        changed = database.execute(
            "UPDATE chunk_data SET data = zeroblob(length(data)) WHERE id = (SELECT data_id FROM "
            "chunk JOIN series ON series.id = series_id JOIN run ON run.id = series.run_id "
            "WHERE key = ? AND uuid LIKE ? ORDER BY first_step LIMIT 1 OFFSET ?)",
            (key, run_id, number),
        ).rowcount
    assert changed == 1
