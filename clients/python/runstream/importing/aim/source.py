"""A repository of Aim as a source."""

from __future__ import annotations

import json
import sqlite3
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runstream.contract.configs import flatten_config
from runstream.errors import InvalidArgument, RunstreamError
from runstream.files.optional_libraries import import_optional
from runstream.importing.aim.chunk import Chunk, find_sequences
from runstream.importing.aim.encoding import TYPE, decode_value, encode_path
from runstream.importing.aim.media import MediaFolder, read_objects, read_times
from runstream.importing.aim.points import Columns, read_metric
from runstream.importing.aim.run_table import RunRow, read_run_table
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
from runstream.rules import check_key

_PART_POINTS = 50_000

# The tag that says until when a run was copied: one can be gone on with in Aim.
_END_TAG = "runstream.import.end"
_SYSTEM_PARAMS = "__system_params"
_LOG_LINE = "aim.log_line"


class AimSource(Source):
    """A folder `.aim`."""

    tracker = "aim"

    def __init__(self, path: Path) -> None:
        """Read what runs there are.

        Args:
            path: the folder, or the one in which it is.

        Raises:
            InvalidArgument: it is no repository of Aim.
            ModuleNotFoundError: aimrocks is not installed.
        """
        import_optional("aimrocks", "import of Aim")
        self._folder = path if (path / "run_metadata.sqlite").is_file() else path / ".aim"
        try:
            self._rows = read_run_table((self._folder / "run_metadata.sqlite").resolve())
        except sqlite3.Error as error:
            raise InvalidArgument(
                f"{path} is no repository of Aim: {error}",
                reason="SOURCE_MALFORMED",
                field="source",
                value=str(path),
            ) from None
        self._run_hashes = {derive_run_id("aim", run_hash): run_hash for run_hash in self._rows}
        self._notes: dict[str, Note] = {}  # of runs whose media are not read yet
        self._opened_run = ""
        self._opened: dict[str, Chunk] = {}
        self._left_out: Counter[str] = Counter()

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the experiments that have runs."""
        for name in dict.fromkeys(row.experiment for row in self._rows.values()):
            yield SourceExperiment(name, name)
        for folder in sorted(self._folder.glob("meta/chunks/*")):
            if folder.name not in self._rows:
                note(str(folder), "it is of a run that Aim's table of runs has not")

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the runs of an experiment, oldest first."""
        return [
            run_id
            for run_id, run_hash in self._run_hashes.items()
            if self._rows[run_hash].experiment == experiment.id
        ]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run; one without an end goes on."""
        self._notes[run_id] = note
        row = self._rows[self._run_hashes[run_id]]
        meta = self._open_again("meta", row)
        attrs = meta.read_tree("meta", "chunks", row.run_hash, "attrs")
        params = {name: value for name, value in attrs.items() if name != _SYSTEM_PARAMS}
        end = self._end_time(meta, row)
        has_files = _SYSTEM_PARAMS in attrs or any(
            not sequence.is_metric for sequence in find_sequences(meta, row.run_hash)
        )
        return SourceRun(
            run_id=run_id,
            name=row.name,
            user_id="",
            status="RUNNING" if end is None else "FINISHED",
            start_time=row.created,
            end_time=None if end is None else max(row.created, round(end * 1000)),
            artifact_uri=run_id if has_files else "",
            params={key: str(value) for key, value in flatten_config(_plain(params))},
            tags=_to_tags(row, end),
            source_id=row.run_hash,
        )

    def has_more(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether a run went on since it was copied."""
        row = self._rows[self._run_hashes[run_id]]
        return tags.get(_END_TAG) != str(self._end_time(self._open_again("meta", row), row))

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts."""
        row = self._rows[run.source_id]
        chunk: Chunk | None = None
        part = _Part()
        for sequence in find_sequences(self._open_again("meta", row), row.run_hash):
            if not sequence.is_metric:
                continue
            key = sequence.key()
            chunk = chunk or self._open_again("seqs", row)
            try:
                check_key("key", key)
                for columns in read_metric(chunk, sequence):
                    for first in range(0, len(columns.value), _PART_POINTS):
                        part.add(key, columns, first)
                        if len(part.value) >= _PART_POINTS:
                            yield part.take()
            except (RunstreamError, ValueError, TypeError, struct.error, IndexError) as error:
                note(f"metric {key!a} of run {run.run_id}", str(error))
            epochs = chunk.read_column(sequence.prefix + encode_path("epoch"))
            _, some = next(epochs, ([], []))  # a hundred, of steps in the order of a hash
            if set(some) - {b"\x00"}:
                self._left_out["metrics whose points have epochs, without these"] += 1
        if part.value:
            yield part.take()

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        """Yield the lines of the terminal that Aim kept."""
        row = self._rows[run.source_id]
        for sequence in find_sequences(self._open_again("meta", row), row.run_hash):
            if sequence.kind != _LOG_LINE:
                continue
            chunk = self._open_again("seqs", row)
            times = read_times(chunk, sequence)
            try:
                for step, line in read_objects(chunk, sequence):
                    text = str(line["data"]).rstrip("\r\n")
                    yield SourceLine("stdout", times.get(step, row.created), text)
            except (ValueError, TypeError, LookupError, struct.error) as error:
                note(f"terminal of run {run.run_id}", str(error))

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide the media of a run, and what it knows of its system."""
        row = self._rows[self._run_hashes[owner]]
        with TemporaryDirectory(prefix="runstream-import-") as name:
            folder = Path(name)
            meta = self._open("meta", row)
            media = MediaFolder(folder, owner, self._notes.pop(owner))
            for sequence in find_sequences(meta, row.run_hash):
                if not sequence.is_metric and sequence.kind != _LOG_LINE:
                    media.add_sequence(self._open("seqs", row), sequence)
            system = meta.read_tree("meta", "chunks", row.run_hash, "attrs", _SYSTEM_PARAMS)
            if system:
                text = json.dumps(_plain(system), indent=2)
                (folder / "system_params.json").write_text(text, encoding="utf-8")
            yield ArtifactFiles(folder, folder)

    def count_left_out(self) -> Mapping[str, int]:
        """Return what has no place here."""
        return self._left_out

    def _open(self, kind: str, row: RunRow) -> Chunk:
        return Chunk(self._folder / kind / "chunks" / row.run_hash)

    def _open_again(self, kind: str, row: RunRow) -> Chunk:
        """Return a database of the run that is read, opened once; not for other threads."""
        if self._opened_run != row.run_hash:
            self._opened_run, self._opened = row.run_hash, {}
        if kind not in self._opened:
            self._opened[kind] = self._open(kind, row)
        return self._opened[kind]

    def _end_time(self, meta: Chunk, row: RunRow) -> float | None:
        content = meta.get(encode_path("meta", "chunks", row.run_hash, "end_time"))
        end: float | None = decode_value(content) if content else None
        return end


class _Part:
    """Points of several metrics, until they are taken."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._keys: list[str] = []
        self._key, self._step, self._timestamp = array("q"), array("q"), array("q")
        self.value = array("d")

    def add(self, key: str, columns: Columns, first: int) -> None:
        """Add points of a metric from one of them on, as many as a part has."""
        places = slice(first, first + _PART_POINTS)
        value = columns.value[places]
        self._key.extend(array("q", [len(self._keys)]) * len(value))
        self._keys.append(key)
        self._step.extend(columns.step[places])
        self._timestamp.extend(columns.timestamp[places])
        self.value.extend(value)

    def take(self) -> PointColumns:
        """Return all points, and be empty again."""
        part = PointColumns(self._keys, self._key, self._step, self._timestamp, self.value)
        self._empty()
        return part


def _plain(value: Any) -> Any:
    """Return a tree with texts for names, as JSON has them; objects of Aim are called `type`."""
    if isinstance(value, dict):
        return {
            "type" if name == TYPE else str(name): _plain(below) for name, below in value.items()
        }
    if isinstance(value, list):
        return [_plain(below) for below in value]
    return repr(value) if isinstance(value, bytes) else value


def _to_tags(row: RunRow, end: float | None) -> dict[str, str]:
    """Return the tags of a run: Aim's have names alone, and are `true` here."""
    tags = dict.fromkeys(row.tags, "true")
    notes = "\n\n".join(filter(None, [row.description, *row.notes]))
    if notes:
        tags["mlflow.note.content"] = notes
    if row.is_archived:
        tags["aim.archived"] = "true"
    return tags | {_END_TAG: str(end)}
