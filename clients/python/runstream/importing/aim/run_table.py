"""What Aim's SQLite database has of runs: names, experiments, tags and notes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path


@dataclass
class RunRow:
    """What is known of a run by its hash; times are in milliseconds since the epoch."""

    run_hash: str
    name: str
    description: str
    is_archived: bool
    experiment: str
    created: int
    tags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_run_table(file: Path) -> dict[str, RunRow]:
    """Return the runs, oldest first.

    Raises:
        sqlite3.Error: it is no such database.
    """
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT hash, run.name, run.description, run.is_archived, experiment.name, "
            "run.created_at FROM run LEFT JOIN experiment ON experiment.id = experiment_id "
            "ORDER BY run.created_at, run.id"
        )
        found = {
            run_hash: RunRow(
                run_hash,
                name or "",
                description or "",
                bool(is_archived),
                experiment or "default",
                _to_milliseconds(created),
            )
            for run_hash, name, description, is_archived, experiment, created in rows
        }
        for run_hash, tag in _select(
            database,
            "SELECT hash, tag.name FROM run_tag JOIN run ON run.id = run_tag.run_id "
            "JOIN tag ON tag.id = run_tag.tag_id ORDER BY tag.id",
        ):
            found[run_hash].tags.append(tag)
        for run_hash, note in _select(
            database,
            "SELECT hash, note.content FROM note JOIN run ON run.id = note.run_id ORDER BY note.id",
        ):
            found[run_hash].notes.append(note or "")
    return found


def _select(database: sqlite3.Connection, query: str) -> Iterator[tuple[str, str]]:
    try:
        yield from database.execute(query)
    except sqlite3.OperationalError:  # an older version, which has no such table
        return


def _to_milliseconds(text: str) -> int:
    time = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    return round(time.timestamp() * 1000)
