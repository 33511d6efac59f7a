"""A folder into which Neptune's exporter wrote."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from runstream.importing.neptune.attributes import read_attributes, to_run
from runstream.importing.neptune.export_files import find_parts, is_registry, read_names, read_rows
from runstream.importing.neptune.points import PointReader
from runstream.importing.neptune.run_files import RunFiles
from runstream.importing.run_ids import derive_run_id
from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceLine,
    SourceRun,
)


class NeptuneSource(Source):
    """A source that reads the Parquet files and the downloaded files, and none outside of them."""

    tracker = "neptune"

    def __init__(self, folder: Path, files: Path | None = None, step_multiplier: int = 1) -> None:
        """Find the runs.

        Args:
            folder: the folder of an export, which has `data` and `files`, or that of the data.
            files: the folder of the downloaded files; `files` in or beside it, if left out.
            step_multiplier: what steps are multiplied by, which may be fractions there.

        Raises:
            InvalidArgument: there is no run.
            ModuleNotFoundError: pyarrow is missing; the text says what to install.
        """
        self._step_multiplier = step_multiplier
        self._parts: dict[str, list[Path]] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._experiments: dict[str, list[str]] = defaultdict(list)
        self._broken: list[tuple[Path, str]] = []
        self._open: dict[str, RunFiles] = {}
        self._left_out: Counter[str] = Counter()
        places = (folder / "files", folder.parent / "files")
        self._files = files or next((place for place in places if place.is_dir()), places[0])
        for parts in find_parts(folder):
            try:
                project, run = read_names(parts[0])
            except (ValueError, OSError) as error:
                self._broken.append((parts[0], str(error)))
                continue
            run_id = derive_run_id("neptune", project, run)
            self._parts[run_id] = parts
            self._names[run_id] = project, run
            self._experiments[project].append(run_id)
        models = sum(map(is_registry, folder.rglob("*_part_0.parquet")))
        if models:
            self._left_out["models and versions of Neptune's registry"] = models

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield an experiment for each project."""
        for file, why in self._broken:
            note(str(file), why)
        for project in self._experiments:
            yield SourceExperiment(project, project)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the runs of a project."""
        return self._experiments[experiment.id]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        project, run = self._names[run_id]
        return to_run(run_id, project, run, read_attributes(self._parts[run_id]))

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield the points of all series of numbers."""
        reader = PointReader(self._step_multiplier, run.start_time, f"run {run.run_id}", note)
        columns = ("step", "timestamp", "float_value")
        for batch in read_rows(self._parts[run.run_id], ("float_series",), columns):
            yield from reader.to_columns(batch)
        if reader.rounded_steps:
            what = "points whose steps are fractions, which were rounded down: --step-multiplier"
            self._left_out[what] += reader.rounded_steps
        project, _ = self._names[run.run_id]
        files = RunFiles(run, self._find_folder(project), self._step_multiplier, note)
        self._open[run.run_id] = files
        files.read(self._parts[run.run_id])

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        """Yield what the program wrote."""
        return self._open[run.run_id].read_console(self._parts[run.run_id])

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide downloaded files, and series of files and texts."""
        files = self._open.pop(owner, None)
        if files is None:
            yield None
            return
        try:
            yield files.folder.files()
        finally:
            files.folder.close()

    def count_left_out(self) -> Mapping[str, int]:
        """Return what has no place here."""
        return self._left_out

    def _find_folder(self, project: str) -> Path | None:
        """Return the folder of the files of a project: its name has a digest behind it."""
        (data,) = {
            parts[0].parent.name
            for run_id, parts in self._parts.items()
            if self._names[run_id][0] == project
        } or {""}
        folder = self._files / data
        return folder if data and folder.is_dir() else None
