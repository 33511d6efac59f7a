"""The calls of a client about tables among the artifacts of runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runstream import entities
from runstream.calls.artifact_content_calls import ArtifactContentCalls
from runstream.calls.run_calls import RunCalls
from runstream.calls.search_calls import SearchCalls
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import DeadlineExceeded, InvalidArgument, NotFound, Unavailable
from runstream.files.artifact_paths import ArtifactPath, check_artifact_file
from runstream.files.series_paths import file_or_series_path

if TYPE_CHECKING:
    import pandas

log = logging.getLogger("runstream")

#: Tag that names the tables of a run, as MLflow's tools look for them.
TABLES_TAG = "mlflow.loggedArtifacts"


class TableCalls(ArtifactContentCalls, RunCalls, SearchCalls):
    """The part of `TrackingClient` that logs and loads tables."""

    _own_tables: dict[str, list[Any]]  # those that this process has added to runs of its own

    def log_table(
        self,
        run_id: str,
        data: pandas.DataFrame | Mapping[str, Any],
        artifact_file: ArtifactPath | None = None,
        *,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Upload a table, or add its rows to the table that is there (with pandas).

        Numbers come back to the last bit. The tag `mlflow.loggedArtifacts` names the table. While
        the server is away, and offline, rows are added to a table that is kept here. Offline, a new
        one is begun in a run that this process has started.

        Args:
            run_id: the run.
            data: a data frame, or a dictionary of columns: lists, arrays, series, single values.
            artifact_file: the file: Parquet if it is called so (with PyArrow), else JSON, in
                pandas' orient `split`.
            key: in place of a file, name of a series of tables, each of which is a file
                `tables/KEY+step+...json`.
            step: training step of a table of a series; 0, if left out.
            timestamp: milliseconds since the epoch; now, if left out.

        Raises:
            InvalidArgument: not exactly one of artifact_file and key is given, it is no table, or a
                path breaks its rule.
            Unavailable: the server is away, or there is none, and may have the table.
        """
        from runstream.files.table_serialization import serialize_table

        path = file_or_series_path("tables", ".json", artifact_file, key, step, timestamp)
        if key is not None:
            self._upload_bytes(run_id, serialize_table(data, path), path)
            return
        before = self._read_table(run_id, path)
        self._upload_bytes(run_id, serialize_table(data, path, before), path)
        if before is None:
            self._tag_table(run_id, path)

    def _read_table(self, run_id: str, path: str) -> bytes | None:
        """Return the table that is there; while the server is away, as it was kept last."""
        if self._is_kept_as_away:
            kept = self._outbox.background.read_kept(run_id, path)
            if kept is not None or self._is_first(run_id, path):
                return kept
        try:
            with self._limited():
                return self._download_bytes(run_id, path)
        except NotFound as missing:
            if missing.reason != "ARTIFACT_NOT_FOUND":
                raise
        except (DeadlineExceeded, Unavailable) as error:
            if not self._is_first(run_id, path):
                raise Unavailable(
                    f"no rows can be added to {path} of run {run_id}: a server may have the table, "
                    f"which a new one would replace, and it cannot be asked: {error.message}",
                    **{"path": path, "run_id": run_id} | error.metadata,
                    reason=error.reason,
                ) from error
        return None

    def _is_first(self, run_id: str, path: str) -> bool:
        """Return whether a run can have no such table yet, as far as this process knows."""
        own = self._own_tables.get(run_id, [])
        return self._outbox.buffer(run_id).is_created_here and _table_entry(path) not in own

    def load_table(
        self,
        experiment_id: str,
        artifact_file: ArtifactPath,
        run_ids: Iterable[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pandas.DataFrame:
        """Return the tables of several runs that `log_table` uploaded, as one data frame.

        Args:
            experiment_id: the experiment, if no runs are named.
            artifact_file: the file.
            run_ids: the runs, of any experiment; one without such a table is passed over, with a
                warning in the log. All of the experiment that have one, if left out.
            extra_columns: columns of `runstream.search_runs`, such as `run_id` or `params.lr`, to
                add to each row; with an underscore behind the name where the table has it.

        Raises:
            NotFound: no run has such a table, or there is no such run.
            InvalidArgument: there is no such column.
        """
        from runstream.files.optional_libraries import import_optional
        from runstream.files.table_serialization import parse_table

        check_not_single_text("run_ids", run_ids)
        check_not_single_text("extra_columns", extra_columns)
        path = check_artifact_file(artifact_file)
        frames = []
        for run in self._find_runs_with_table(experiment_id, path, run_ids):
            try:
                frame = parse_table(self._download_bytes(run.info.run_id, path), path)
            except NotFound as missing:
                if missing.reason != "ARTIFACT_NOT_FOUND":
                    raise
                log.warning("run %s has no table %s", run.info.run_id, path)
                continue
            frames.append(_add_run_columns(frame, run, extra_columns or ()))
        if not frames:
            raise NotFound(
                f"no run has the table {path}", reason="ARTIFACT_NOT_FOUND", field="artifact_file"
            )
        if len(frames) == 1:
            return frames[0]
        found: pandas.DataFrame = import_optional("pandas", "load_table").concat(
            frames, ignore_index=True
        )
        return found

    def _find_runs_with_table(
        self, experiment_id: str, path: str, run_ids: Iterable[str] | None
    ) -> Iterable[entities.Run]:
        if run_ids is not None:
            return map(self.get_run, run_ids)
        found = self.search_runs([experiment_id], f"tags.`{TABLES_TAG}` IS NOT NULL")
        return (run for run in found if _table_entry(path) in _tagged_tables(run))

    def _tag_table(self, run_id: str, path: str) -> None:
        is_own = self._outbox.is_offline or self._outbox.buffer(run_id).is_created_here
        own = self._own_tables.setdefault(run_id, []) if is_own else []
        tables = own
        if not (self._outbox.is_offline or (is_own and self._is_kept_as_away)):
            tables = _tagged_tables(self.get_run(run_id))
        if _table_entry(path) not in tables:
            text = json.dumps([*tables, _table_entry(path)], ensure_ascii=False)
            # The tag of thousands of tables may be too long; the tables are stored all the same.
            self._outbox.buffer(run_id).set_tags({TABLES_TAG: text}, on_error="skip")
        if is_own and _table_entry(path) not in own:
            own.append(_table_entry(path))


def _table_entry(path: str) -> dict[str, str]:
    return {"path": path, "type": "table"}


def _tagged_tables(run: entities.Run) -> list[Any]:
    try:
        tables = json.loads(run.data.tags.get(TABLES_TAG, "[]"))
    except ValueError:  # another program has set the tag
        return []
    return tables if isinstance(tables, list) else []


def _add_run_columns(
    frame: pandas.DataFrame, run: entities.Run, columns: Sequence[str]
) -> pandas.DataFrame:
    from runstream.calls.runs_frame import runs_to_frame

    of_run = runs_to_frame([run])
    for column in columns:
        if column not in of_run:
            raise InvalidArgument(
                f"run {run.info.run_id} has no {column}; search_runs has the columns",
                reason="COLUMN_UNKNOWN",
                field="extra_columns",
                value=column,
                limit=", ".join(of_run.columns),
            )
        frame[f"{column}_" if column in frame else column] = of_run[column][0]
    return frame
