"""The tables of an MLflow tracking server."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runstream.entities import Dataset, DatasetInput
from runstream.errors import InvalidArgument, RunstreamError
from runstream.importing.local_artifacts import find_local_artifacts
from runstream.importing.mlflow.sql_database import SqlDatabase
from runstream.importing.source import (
    ArtifactFiles,
    ModelPoint,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceModel,
    SourceRun,
)
from runstream.rules import check_key

_MODEL_STATUS = {1: "PENDING", 2: "READY", 3: "UPLOAD_FAILED"}
# A qualified name may be a reserved word, as `key` is one of MySQL.
_PAIRS = "SELECT t.key, t.value FROM {} t WHERE run_uuid = ?"
_INPUTS = """
    SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source,
           d.dataset_schema, d.dataset_profile
    FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
    WHERE i.destination_type = 'RUN' AND i.source_type = 'DATASET' AND i.destination_id = ?
"""


class DatabaseSource(Source):
    """A source that reads MLflow's tables."""

    tracker = "mlflow"

    def __init__(
        self, database: SqlDatabase, place: object, local_artifacts: Path | None = None
    ) -> None:
        """Look at the tables.

        Args:
            database: the database.
            place: where it is, for people.
            local_artifacts: folder from which artifacts may be copied; none, if left out.

        Raises:
            InvalidArgument: it is no database of MLflow.
        """
        self._database = database
        self._local_artifacts = local_artifacts
        self._tables = database.table_names()
        if not {"experiments", "runs", "metrics", "params", "tags"} <= self._tables:
            raise InvalidArgument(
                f"{place} is no database of MLflow",
                reason="SOURCE_MALFORMED",
                field="source",
                value=place,
            )

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""
        for number, name in self._select(
            "SELECT experiment_id, name FROM experiments WHERE lifecycle_stage = 'active'"
        ):
            query = "SELECT t.key, t.value FROM experiment_tags t WHERE experiment_id = ?"
            yield SourceExperiment(str(number), name, dict(self._select(query, number)))

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""
        query = (
            "SELECT run_uuid FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active' "
            "ORDER BY start_time"
        )
        return [row[0] for row in self._select(query, int(experiment.id))]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        query = (
            "SELECT name, user_id, status, start_time, end_time, artifact_uri FROM runs "
            "WHERE run_uuid = ?"
        )
        name, user_id, status, start, end, uri = next(self._select(query, run_id))
        return SourceRun(
            run_id=run_id,
            name=name or "",
            user_id=user_id or "",
            status=status,
            start_time=start or 0,
            end_time=end,
            artifact_uri=uri or "",
            params=dict(
                self._select("SELECT t.key, t.value FROM params t WHERE run_uuid = ?", run_id)
            ),
            tags=dict(self._select(_PAIRS.format("tags"), run_id)),
            inputs=self._read_inputs(run_id),
            model_inputs=[model_id for model_id, _ in self._read_models(run_id, "RUN_INPUT")],
            model_outputs=self._read_models(run_id, "RUN_OUTPUT"),
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts."""
        found = self._select("SELECT DISTINCT m.key FROM metrics m WHERE run_uuid = ?", run.run_id)
        refused = set()
        for (name,) in found:
            try:
                check_key("key", name)
            except (RunstreamError, TypeError) as error:
                refused.add(name)
                note(f"metric {name!a} of run {run.run_id}", str(error))
        query = (
            "SELECT m.key, m.step, m.timestamp, m.value, m.is_nan FROM metrics m WHERE run_uuid = ?"
        )
        for part in self._database.stream(query, run.run_id):
            rows = [row for row in part if row[0] not in refused] if refused else part
            if not rows:
                continue
            keys, step, timestamp, value, is_nan = zip(*rows, strict=True)
            if any(is_nan):
                value = tuple(
                    math.nan if nan else one for one, nan in zip(value, is_nan, strict=True)
                )
            names = list(dict.fromkeys(keys))
            index = {name: i for i, name in enumerate(names)}
            yield PointColumns(names, [index[key] for key in keys], step, timestamp, value)

    def read_models(
        self,
        experiment: SourceExperiment,
        note: Note,
    ) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment."""
        if not {"logged_models", "logged_model_metrics"} <= self._tables:  # of MLflow 2
            return
        query = (
            "SELECT model_id, name, model_type, source_run_id, status, artifact_location "
            "FROM logged_models WHERE experiment_id = ? AND lifecycle_stage = 'active'"
        )
        params = "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?"
        tags = "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?"
        metrics = (
            "SELECT run_id, metric_name, metric_value, metric_timestamp_ms, metric_step, "
            "dataset_name, dataset_digest FROM logged_model_metrics WHERE model_id = ?"
        )
        for model_id, name, kind, run_id, status, uri in self._select(query, int(experiment.id)):
            yield SourceModel(
                model_id=model_id,
                name=name or "",
                model_type=kind or "",
                source_run_id=run_id or "",
                status=_MODEL_STATUS.get(status, "PENDING"),
                artifact_uri=uri or "",
                params=dict(self._select(params, model_id)),
                tags=dict(self._select(tags, model_id)),
                metrics=[
                    ModelPoint(run, key, value, time, step, (dataset or "", digest or ""))
                    for run, key, value, time, step, dataset, digest in self._select(
                        metrics, model_id
                    )
                ],
            )

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model as files."""
        yield find_local_artifacts(uri, self._local_artifacts)

    def count_left_out(self) -> Mapping[str, int]:
        """Return how many traces there are, and how much is deleted."""
        deleted = "SELECT count(*) FROM {} WHERE lifecycle_stage = 'deleted'"
        there = "SELECT count(*) FROM {}"
        counts = {
            "traces, for which there is no place": ("trace_info", there),
            "registered models": ("registered_models", there),
            "deleted experiments": ("experiments", deleted),
            "deleted runs": ("runs", deleted),
        }
        found = {
            what: int(next(self._select(query.format(table)))[0])
            for what, (table, query) in counts.items()
            if table in self._tables
        }
        return {what: number for what, number in found.items() if number}

    def _read_models(self, run_id: str, kind: str) -> list[tuple[str, int]]:
        if "logged_models" not in self._tables:
            return []
        query = "SELECT destination_id, step FROM inputs WHERE source_type = ? AND source_id = ?"
        return [(model_id, step or 0) for model_id, step in self._select(query, kind, run_id)]

    def _read_inputs(self, run_id: str) -> list[DatasetInput]:
        if not {"inputs", "datasets", "input_tags"} <= self._tables:  # of an older MLflow
            return []
        tags = "SELECT name, value FROM input_tags WHERE input_uuid = ?"
        return [
            DatasetInput(
                Dataset(*[text or "" for text in dataset]), dict(self._select(tags, input_id))
            )
            for input_id, *dataset in self._select(_INPUTS, run_id)
        ]

    def _select(self, query: str, *values: Any) -> Iterator[Any]:
        return iter(self._database.select(query, *values))
