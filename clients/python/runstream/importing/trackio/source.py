"""The folder of Trackio as a source."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runstream.contract.configs import flatten_config
from runstream.errors import InvalidArgument
from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceRun,
)
from runstream.importing.trackio.media import MediaFolder
from runstream.importing.trackio.project import Project, ProjectRun
from runstream.importing.trackio.rows import PointReader, to_milliseconds

# The tag that says how many rows of a run were copied: Trackio does not say that a run has ended.
_ROWS_TAG = "runstream.import.rows"


def default_folder() -> Path:
    """Return where Trackio stores on this machine."""
    if folder := os.environ.get("TRACKIO_DIR"):
        return Path(folder)
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME") or os.path.join(cache, "huggingface")
    return Path(home).expanduser() / "trackio"


class TrackioSource(Source):
    """A folder with a database for each project, and their media."""

    tracker = "trackio"

    def __init__(self, folder: Path) -> None:
        """Find the databases.

        Raises:
            InvalidArgument: there are none.
        """
        self._folder = folder.resolve()
        self._files = sorted(self._folder.glob("*.db"))
        if not self._files:
            raise InvalidArgument(
                f"{folder} has no project of Trackio: name its folder, or set TRACKIO_DIR",
                reason="SOURCE_MALFORMED",
                field="source",
                value=str(folder),
            )
        self._projects: dict[str, Project] = {}
        self._runs: dict[str, tuple[Project, ProjectRun]] = {}
        self._notes: dict[str, Note] = {}  # of runs whose media are not read yet
        self._left_out: Counter[str] = Counter()

    def close(self) -> None:
        """Close the databases."""
        for project in self._projects.values():
            project.close()

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the projects."""
        for file in self._files:
            try:
                project = Project(file)
            except sqlite3.Error as error:
                note(str(file), str(error))
                continue
            self._projects[project.name] = project
            if not project.is_trackio():
                note(str(file), "it is no database of Trackio")
                continue
            self._left_out.update(project.count_left_out())
            yield SourceExperiment(project.name, project.name)
        for backup in sorted(self._folder.glob("*.parquet")):
            if not any(f"{backup.stem}_".startswith(f"{name}_") for name in self._projects):
                note(str(backup), "it is the backup of a project without a database")

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the runs of a project."""
        project = self._projects[experiment.id]
        try:
            runs = project.find_runs()
        except sqlite3.Error as error:
            note(str(project.path), str(error))
            return []
        self._runs.update((run_id, (project, run)) for run_id, run in runs.items())
        return list(runs)

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run; Trackio does not say how one ended, so it is FINISHED."""
        self._notes[run_id] = note
        project, run = self._runs[run_id]
        rows, first, last = project.count_rows(run)
        config = self._read_config(project, run, note)
        facts = {name: config.pop(f"_{name}", None) for name in ("Username", "Created", "Group")}
        start = to_milliseconds(str(facts["Created"] or first))
        tags = {_ROWS_TAG: str(rows)}
        if facts["Group"]:
            tags["group"] = str(facts["Group"])
        return SourceRun(
            run_id=run_id,
            name=run.name,
            user_id=str(facts["Username"] or ""),
            status="FINISHED",
            start_time=start,
            end_time=max(start, to_milliseconds(last) if last else start),
            artifact_uri=run_id,
            params={key: str(value) for key, value in flatten_config(config)},
            tags=tags,
            source_id=f"{project.name}/{run.name}",
        )

    def has_more(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether rows were added since a run was copied."""
        project, run = self._runs[run_id]
        return tags.get(_ROWS_TAG) != str(project.count_rows(run)[0])

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run; system metrics begin with `system/`."""
        project, found = self._runs[run.run_id]
        reader = PointReader(run.run_id, note)
        yield from reader.read(project.read_rows(found, "metrics"))
        yield from reader.read(project.read_rows(found, "system_metrics"), "system/")
        self._left_out["texts and lists that were logged as metrics"] += reader.texts

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the media of a run, in a folder of links into that of Trackio."""
        project, run = self._runs[owner]
        with TemporaryDirectory(prefix="runstream-import-") as name:
            folder = Path(name)
            media = MediaFolder(folder, self._folder, owner, self._notes.pop(owner))
            with closing(Project(project.path)) as own:  # of this thread
                for rows in own.read_rows(run, "metrics", '%"_type"%'):
                    for row in rows:
                        media.add_row(row)
            # Links lead only to files in the store, which `MediaFolder` sees to.
            yield ArtifactFiles(folder, Path(folder.anchor))

    def count_left_out(self) -> Mapping[str, int]:
        """Return what has no place here."""
        return {what: number for what, number in self._left_out.items() if number}

    def _read_config(self, project: Project, run: ProjectRun, note: Note) -> dict[str, Any]:
        text = project.read_config(run)
        try:
            config = json.loads(text) if text else {}
        except ValueError as error:
            note(f"configuration of run {run.name!r}", f"it is no JSON: {error}")
            return {}
        return config if isinstance(config, dict) else {}
