"""The SQLite database of a project of Trackio, read and not changed; of any of its versions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from runstream.importing.run_ids import derive_run_id

_RUN_ID = re.compile("[0-9a-f]{32}")
_ROWS = 2_000

#: Tables whose rows have no place here, and what they are.
LEFT_OUT = {
    "alerts": "alerts",
    "traces": "traces",
    "artifact_versions": "versions of artifacts",
}


class ProjectRun(NamedTuple):
    """A run of a project: its id in the database, if it has one, and its name."""

    trackio_id: str | None
    name: str


class Row(NamedTuple):
    """What was logged at once, as text of JSON; `step` is None of system metrics."""

    step: int | None
    timestamp: str
    logged: str


class Project:
    """A database; each thread opens one of its own."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            sqlite3.DatabaseError: it is no database.
        """
        self.path = path
        self.name = path.stem
        self._database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        tables = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = [name for (name,) in tables]
        self._columns = {
            table: {column[1] for column in self._database.execute(f'PRAGMA table_info("{table}")')}
            for table in names
        }

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def is_trackio(self) -> bool:
        """Return whether it is a database of Trackio."""
        return {"run_name", "step", "metrics"} <= self._columns.get("metrics", set())

    def find_runs(self) -> dict[str, ProjectRun]:
        """Return the runs by the ids that they have here, oldest first."""
        found: dict[ProjectRun, str] = {}
        for table, time in (("metrics", "timestamp"), ("system_metrics", "timestamp"),
                            ("configs", "created_at")):  # fmt: skip
            if table not in self._columns:
                continue
            run_id = "run_id" if "run_id" in self._columns[table] else "NULL"
            query = f"SELECT {run_id}, run_name, MIN({time}) FROM {table} GROUP BY 1, 2"  # noqa: S608
            for trackio_id, name, first in self._database.execute(query):
                run = ProjectRun(trackio_id, name)
                found[run] = min(found.get(run, first), first)
        return {self._run_id(run): run for run in sorted(found, key=found.__getitem__)}

    def read_config(self, run: ProjectRun) -> str | bytes | None:
        """Return the configuration of a run as text of JSON, None if it has none."""
        if "configs" not in self._columns:
            return None
        where, values = self._where("configs", run)
        query = f"SELECT config FROM configs WHERE {where}"  # noqa: S608
        row = self._database.execute(query, values).fetchone()
        return row[0] if row else None

    def count_rows(self, run: ProjectRun) -> tuple[int, str | None, str | None]:
        """Return how many rows a run has, and its first and its last time."""
        number, times = 0, []
        for table in ("metrics", "system_metrics"):
            if table not in self._columns:
                continue
            where, values = self._where(table, run)
            query = f"SELECT COUNT(*), MIN(timestamp), MAX(timestamp) FROM {table} WHERE {where}"  # noqa: S608
            rows, first, last = self._database.execute(query, values).fetchone()
            number += rows
            times += [time for time in (first, last) if time is not None]
        return number, min(times, default=None), max(times, default=None)

    def read_rows(self, run: ProjectRun, table: str, like: str = "%") -> Iterator[list[Row]]:
        """Yield the rows of a run of the table `metrics` or `system_metrics`, in parts.

        Args:
            run: the run.
            table: the table.
            like: a pattern of rows.
        """
        if table not in self._columns:
            return
        where, values = self._where(table, run)
        step = "step" if "step" in self._columns[table] else "NULL"
        query = f"SELECT {step}, timestamp, CAST(metrics AS TEXT) FROM {table} WHERE {where}"  # noqa: S608
        if like != "%":
            query += " AND CAST(metrics AS TEXT) LIKE ?"
            values = [*values, like]
        rows = self._database.execute(f"{query} ORDER BY id", values)
        while part := rows.fetchmany(_ROWS):
            yield [Row(*row) for row in part]

    def count_left_out(self) -> dict[str, int]:
        """Return how many rows there are that have no place here."""
        return {
            what: self._database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table, what in LEFT_OUT.items()
            if table in self._columns
        }

    def _run_id(self, run: ProjectRun) -> str:
        if run.trackio_id and _RUN_ID.fullmatch(run.trackio_id):
            return run.trackio_id
        return derive_run_id("trackio", self.name, run.trackio_id or "", run.name)

    def _where(self, table: str, run: ProjectRun) -> tuple[str, Sequence[Any]]:
        if run.trackio_id is not None and "run_id" in self._columns[table]:
            return "run_id = ? AND run_name = ?", [run.trackio_id, run.name]
        return "run_name = ?", [run.name]
