"""Tables as a source: runs, their params and tags, and their points.

The files are read once, when the experiments are asked for; points wait in a file of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runstream.errors import InvalidArgument
from runstream.importing.run_ids import derive_run_id
from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceRun,
)
from runstream.importing.tables.cells import to_milliseconds, to_text
from runstream.importing.tables.mapping import MappingOptions, TableMapping, find_mapping
from runstream.importing.tables.table_files import CsvFile, ParquetFile, TableFile
from runstream.importing.tables.table_reader import TableReader, TableRun

# Rows by which the columns are told.
_SAMPLE_ROWS = 1_000

_SUFFIXES = {"csv": (".csv", ".tsv"), "parquet": (".parquet", ".pq")}
_OPENERS: dict[str, Callable[[Path], TableFile]] = {"csv": CsvFile, "parquet": ParquetFile}

# Files that programs of any run call so: the run is called as their folder then.
_COMMON_NAMES = {"metrics", "log", "logs", "training", "training_log", "history", "progress"}

_RUN_ID = re.compile("[0-9a-f]{32}")
_STATUS = {
    "running": "RUNNING",
    "scheduled": "SCHEDULED",
    "finished": "FINISHED",
    "completed": "FINISHED",
    "success": "FINISHED",
    "failed": "FAILED",
    "crashed": "FAILED",
    "killed": "KILLED",
}


class TableSource(Source):
    """A file of CSV or Parquet, or a folder with such files at any depth."""

    def __init__(self, path: Path, tracker: str, options: MappingOptions) -> None:
        """Find the files, and what their columns are.

        Args:
            path: the file or folder.
            tracker: `csv` or `parquet`.
            options: what the user says of the columns.

        Raises:
            InvalidArgument: there is no such file, it has no table, or an option names no column.
            ModuleNotFoundError: files are of Parquet, and pyarrow is not installed.
        """
        self.tracker = tracker
        self._root = path.resolve()
        self._options = options
        self._files: list[tuple[TableFile, TableMapping]] = []
        self._malformed: list[tuple[str, str]] = []
        self._run_ids: dict[str, int] = {}
        self._reader: TableReader | None = None
        files = list(self._open_files(path))
        options.check([file.columns for file in files])
        for file in files:
            sample = next(file.read_parts(_ignore, _SAMPLE_ROWS * len(file.columns)), None)
            cells = sample.columns if sample else [()] * len(file.columns)
            mapping = find_mapping(file.columns, cells, options, file.milliseconds)
            self._files.append((file, mapping))

    def close(self) -> None:
        """Remove the file in which points wait."""
        if self._reader is not None:
            self._reader.points.close()

    def describe(self) -> Iterator[str]:
        """Yield which columns were taken for what, in lines for people; the same ones once."""
        seen: dict[tuple[str, ...], list[Path]] = {}
        for file, mapping in self._files:
            seen.setdefault(tuple(mapping.describe()), []).append(file.path)
        for lines, paths in seen.items():
            others = f" and {len(paths) - 1} more files" if len(paths) > 1 else ""
            yield f"{paths[0]}{others}:"
            yield from (f"  {line}" for line in lines)

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Read all files, and yield the experiments that they name."""
        for what, why in self._malformed:
            note(what, why)
        self.close()
        reader = self._reader = TableReader(note)
        given = self._options.experiment
        is_column = any(given in file.columns for file, _ in self._files)
        experiment = self._root.stem if given is None or is_column else given
        for file, mapping in self._files:
            try:
                reader.read(file, mapping, experiment, self._label(file.path))
            except OSError as error:
                note(str(file.path), str(error))
        self._run_ids = {self._run_id(run): number for number, run in enumerate(reader.runs)}
        for name in dict.fromkeys(run.experiment for run in reader.runs):
            yield SourceExperiment(name, name)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the runs of an experiment, in the order of the tables."""
        runs = self._read_tables().runs
        return [
            run_id for run_id, number in self._run_ids.items()
            if runs[number].experiment == experiment.id
        ]  # fmt: skip

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run: when it was, by its columns, its points or its file, in this order."""
        reader = self._read_tables()
        number = self._run_ids[run_id]
        run = reader.runs[number]
        written = int(self._root.stat().st_mtime * 1000)
        first = reader.points.first_time.get(number) or written
        last = reader.points.last_time.get(number) or first
        status = self._status(run, note)
        is_over = status not in ("RUNNING", "SCHEDULED")
        start = self._time(run, "start_time", first, note)
        end = max(start, self._time(run, "end_time", last, note)) if is_over else None
        return SourceRun(
            run_id=run_id,
            name=to_text(run.attributes.get("name", run.label)),
            user_id="",
            status=status,
            start_time=start,
            end_time=end,
            artifact_uri="",
            params=run.params,
            tags=run.tags,
            source_id="" if run.label == run_id else run.label,
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts."""
        reader = self._read_tables()
        number = self._run_ids[run.run_id]
        if refused := reader.runs[number].refused:  # so that it is read again when that is mended
            note(f"run {run.name!r}", f"{refused} cells or rows of it, or of its file, are refused")
        yield from reader.points.read(number, reader.keys)

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide nothing: tables have no files."""
        yield None

    def _open_files(self, path: Path) -> Iterator[TableFile]:
        """Yield the files; of a folder those that have no table are noted later."""
        suffixes = _SUFFIXES[self.tracker]
        found = [path]
        if path.is_dir():
            found = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in suffixes and file.is_file()
            )
        if not found or not path.exists():
            raise InvalidArgument(
                f"there is no {path}" if not path.exists() else
                f"there is no file *{' or *'.join(suffixes)} in {path}",
                reason="SOURCE_MISSING",
                field="source",
                value=str(path),
            )  # fmt: skip
        for file in found:
            try:
                yield _OPENERS[self.tracker](file)
            except (InvalidArgument, OSError, ValueError) as error:
                if file == path:
                    raise _malformed(path, error) from None
                self._malformed.append((str(file), str(error)))

    def _read_tables(self) -> TableReader:
        if self._reader is None:
            raise RuntimeError("the experiments are read before their runs")
        return self._reader

    def _label(self, file: Path) -> str:
        """Return what the run of a file is called that names none."""
        folder = self._root if self._root.is_dir() else self._root.parent
        path = file.resolve().relative_to(folder).with_suffix("")
        if path.name.lower() in _COMMON_NAMES:
            path = path.parent
        return path.as_posix() if path.name else folder.name

    def _run_id(self, run: TableRun) -> str:
        if _RUN_ID.fullmatch(run.label):
            return run.label
        return derive_run_id(self.tracker, str(self._root), run.experiment, run.label)

    def _status(self, run: TableRun, note: Note) -> str:
        given = run.attributes.get("status")
        if given is None:
            return "FINISHED"
        status = _STATUS.get(str(given).strip().lower())
        if status is None:
            note(f"status of run {run.label!r}", f"{given!r} is none; it is taken for FINISHED")
        return status or "FINISHED"

    def _time(self, run: TableRun, role: str, otherwise: int, note: Note) -> int:
        cell = run.attributes.get(role)
        if cell is None:
            return otherwise
        try:
            return to_milliseconds(cell, run.time_units[role])
        except (ValueError, TypeError, OverflowError):
            note(f"{role} of run {run.label!r}", f"{cell!r} is no time")
            return otherwise


def _ignore(what: str, why: str) -> None:
    """Drop what is wrong with rows of a sample: it is told when they are read."""


def _malformed(path: Path, error: Exception) -> InvalidArgument:
    if isinstance(error, InvalidArgument):
        return error
    return InvalidArgument(
        f"{path}: {error}", reason="SOURCE_MALFORMED", field="source", value=str(path)
    )
