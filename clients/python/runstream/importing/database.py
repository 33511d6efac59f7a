"""An SQLite database of an MLflow tracking server, read and not changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput
from runstream.errors import InvalidArgument
from runstream.importing.records import Points, SourceExperiment, SourceRun, local_folder

_PART = 50_000
_INPUTS = """
    SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source,
           d.dataset_schema, d.dataset_profile
    FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
    WHERE i.destination_type = 'RUN' AND i.source_type = 'DATASET' AND i.destination_id = ?
"""


class DatabaseSource:
    """A source that reads MLflow's tables."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            InvalidArgument: it is no database of MLflow.
        """
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            self._tables = {row[0] for row in self._rows("SELECT name FROM sqlite_master")}
        except sqlite3.DatabaseError:
            self._tables = set()
        if not {"experiments", "runs", "metrics", "params", "tags"} <= self._tables:
            raise InvalidArgument(
                f"{path} is no database of MLflow",
                reason="SOURCE_MALFORMED",
                field="source",
                value=path,
            )

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for number, name in self._rows(
            "SELECT experiment_id, name FROM experiments WHERE lifecycle_stage = 'active'"
        ):
            query = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
            yield SourceExperiment(str(number), name, dict(self._rows(query, number)))

    def run_ids(self, experiment: SourceExperiment) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        query = (
            "SELECT run_uuid FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active' "
            "ORDER BY start_time"
        )
        return [row[0] for row in self._rows(query, int(experiment.id))]

    def run(self, run_id: str) -> SourceRun:
        """Return a run."""
        query = (
            "SELECT name, user_id, status, start_time, end_time, artifact_uri FROM runs "
            "WHERE run_uuid = ?"
        )
        name, user_id, status, start, end, uri = next(self._rows(query, run_id))
        return SourceRun(
            run_id=run_id,
            name=name or "",
            user_id=user_id or "",
            status=status,
            start_time=start or 0,
            end_time=end,
            artifact_uri=uri or "",
            params=dict(self._rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id)),
            tags=dict(self._rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id)),
            inputs=self._inputs(run_id),
        )

    def points(self, run: SourceRun) -> Iterator[Points]:
        """Yield all points of a run, in parts."""
        query = (
            "SELECT key, step, timestamp, CASE is_nan WHEN 1 THEN 'nan' ELSE value END "
            "FROM metrics WHERE run_uuid = ?"
        )
        cursor = self._database.execute(query, (run.run_id,))
        while rows := cursor.fetchmany(_PART):
            keys, step, timestamp, value = zip(*rows, strict=True)
            if "nan" in value:
                value = tuple(map(float, value))
            names = list(dict.fromkeys(keys))
            index = {name: i for i, name in enumerate(names)}
            yield Points(names, [index[key] for key in keys], step, timestamp, value)

    @contextmanager
    def artifacts(self, run: SourceRun) -> Iterator[Path | None]:
        """Make a folder of all artifacts of a run."""
        yield local_folder(run.artifact_uri)

    def _inputs(self, run_id: str) -> list[DatasetInput]:
        if not {"inputs", "datasets", "input_tags"} <= self._tables:  # of an older MLflow
            return []
        tags = "SELECT name, value FROM input_tags WHERE input_uuid = ?"
        return [
            DatasetInput(
                Dataset(*[text or "" for text in dataset]), dict(self._rows(tags, input_id))
            )
            for input_id, *dataset in self._rows(_INPUTS, run_id)
        ]

    def _rows(self, query: str, *values: Any) -> Iterator[Any]:
        return iter(self._database.execute(query, values).fetchall())
