"""A folder of event files, as TensorBoard shows it: a source of an import."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from runstream.errors import InvalidArgument
from runstream.importing.import_tags import POSITION_TAG
from runstream.importing.run_ids import derive_run_id
from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceRun,
)
from runstream.importing.tensorboard.points import to_milliseconds
from runstream.importing.tensorboard.run_reader import RunReader

_GROUP_TAG = "tensorboard.group"
_IMAGES_TAG = "mlflow.loggedImages"

# What the names of all event files have in them.
_MARK = "tfevents"

_LINKS = "links, which are not followed"

# The length of the first event, its checksum, and the time of the event.
_BEGINNING_BYTES = 21

Files = Mapping[Path, os.stat_result]


class _FoundRun(NamedTuple):
    folder: Path
    files: Files


class TensorBoardSource(Source):
    """A source that reads a folder of event files, and reads on where it stopped.

    Attributes:
        running: ids of the runs that are not said to have ended, because they are followed.
    """

    tracker = "tensorboard"

    def __init__(self, folder: Path, experiment: str | None = None) -> None:
        """Open a folder.

        Args:
            folder: the folder, as TensorBoard's `--logdir`.
            experiment: the experiment that its runs belong to; the name of the folder, if left out.

        Raises:
            InvalidArgument: there is no such folder.
        """
        if not folder.is_dir():
            raise InvalidArgument(
                f"there is no folder {folder}",
                reason="SOURCE_MISSING",
                field="folder",
                value=folder,
            )
        self._folder = folder.resolve()
        self._experiment = experiment or self._folder.name or "tensorboard"
        self.running: set[str] = set()
        self._readers: dict[str, RunReader] = {}
        self._run_ids: dict[Path, str] = {}
        self._runs: dict[str, _FoundRun] = {}
        self._links: set[Path] = set()
        self._left_out: Counter[str] = Counter()

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the experiment that all runs belong to."""
        yield SourceExperiment(self._experiment, self._experiment)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the runs that there are now, by the names of their folders."""
        self._runs = {}
        for folder, files in self._find_event_files(note):
            run_id = self._run_ids.get(folder) or self._derive_run_id(folder, files)
            if run_id:
                self._run_ids[folder] = run_id
                self._runs[run_id] = _FoundRun(folder, files)
        return list(self._runs)

    def position(self, run_id: str) -> str:
        """Return how far a run goes, as a text that is another once it has grown."""
        files = self._runs[run_id].files.values()
        return f"{sum(status.st_size for status in files)} bytes in {len(files)} files"

    def age_seconds(self, run_id: str) -> float:
        """Return how long ago the files of a run were last written."""
        newest = max(status.st_mtime for status in self._runs[run_id].files.values())
        return max(time.time() - newest, 0.0)

    def has_more(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether a run is followed, or goes further than it was copied."""
        return run_id in self._readers or self.position(run_id) != tags.get(POSITION_TAG)

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Read what a run has that was not read yet, and return what is known of it."""
        found = self._runs[run_id]
        reader = self._readers.setdefault(run_id, RunReader())
        reader.read(found.files, note)
        facts = reader.facts
        tags = {_GROUP_TAG: facts.group} if facts.group else {}
        if reader.media.has_images:
            tags[_IMAGES_TAG] = "True"
        is_running = run_id in self.running
        return SourceRun(
            run_id=run_id,
            name=self._run_name(found.folder),
            user_id="",
            status="RUNNING" if is_running else facts.status or "FINISHED",
            start_time=to_milliseconds(facts.start_time),
            end_time=None if is_running else to_milliseconds(facts.end_time),
            artifact_uri="",
            params=facts.params,
            tags=tags,
            source_id=_to_text(found.folder),
            position=self.position(run_id),
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield the points of a run that were read and not yielded before."""
        return self._readers[run.run_id].points.read_parts()

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the files of a run that were read and not provided before.

        They are what is read last: a run that is not followed is forgotten then.
        """
        media = self._readers[owner].media.take()
        if owner not in self.running:
            self.forget(owner)
        with media as files:
            yield files

    def forget(self, run_id: str) -> None:
        """Forget what is known of a run; if it is read again, it is read from its start."""
        if reader := self._readers.pop(run_id, None):
            self._left_out += reader.count_left_out()
            reader.close()
        self.running.discard(run_id)

    def count_left_out(self) -> Mapping[str, int]:
        """Return what was left out: what has no place here, and what a restart wrote again."""
        counts = self._left_out + Counter({_LINKS: len(self._links)})
        for reader in self._readers.values():
            counts += reader.count_left_out()
        return counts

    def _find_event_files(self, note: Note) -> Iterator[tuple[Path, Files]]:
        """Yield the folders that have event files, and these with their status."""
        walked = os.walk(self._folder, onerror=lambda error: note(str(error.filename), str(error)))
        for name, folders, names in walked:
            folders.sort()
            self._links.update(
                path for path in map(Path(name).joinpath, folders) if path.is_symlink()
            )
            files = {}
            for file in names:
                path = Path(name, file)
                if _MARK not in file:
                    continue
                if path.is_symlink():
                    self._links.add(path)
                    continue
                try:
                    files[path] = path.stat()
                except OSError as error:  # it is gone meanwhile
                    note(str(path), str(error))
            if files:
                yield Path(name), files

    def _derive_run_id(self, folder: Path, files: Files) -> str | None:
        """Return the id of a run, None as long as its first event is not written.

        It comes from the beginning of the run, and not from where the folder is, which may be moved
        or be called alike on two machines.
        """
        begun = [path for path in files if files[path].st_size >= _BEGINNING_BYTES]
        if not begun:
            return None
        first = min(begun)
        with first.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES)
        names = self._experiment, self._run_name(folder), first.name, beginning.hex()
        return derive_run_id(self.tracker, *names)

    def _run_name(self, folder: Path) -> str:
        return _to_text(folder.relative_to(self._folder))


def _to_text(path: Path) -> str:
    """Return a path as a text; names of files may be no valid Unicode."""
    return os.fsencode(path).decode(errors="replace")
