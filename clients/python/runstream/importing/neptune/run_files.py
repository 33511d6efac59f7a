"""The files of a run of Neptune, and its series of files, texts and histograms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runstream.errors import RunstreamError
from runstream.importing.local_artifacts import walk_artifact_files
from runstream.importing.neptune.attributes import to_milliseconds
from runstream.importing.neptune.export_files import read_rows
from runstream.importing.series_folder import SeriesFolder
from runstream.importing.source import ArtifactFiles, Note, SourceLine, SourceRun

#: Where texts are that are no lines of a console.
OTHER_VALUES_FILE = "neptune/history.jsonl"

_SERIES = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"), "images"),
    **dict.fromkeys((".html", ".svg"), "figures"),
    **dict.fromkeys((".wav", ".mp3", ".ogg", ".flac"), "audio"),
}
_TYPES = ("file", "file_set", "artifact", "file_series", "histogram_series", "string_series")
_COLUMNS = ("step", "timestamp", "string_value", "file_value", "histogram_value")


class RunFiles:
    """The artifacts of a run in a temporary folder, which its user closes.

    Attributes:
        folder: the folder.
    """

    def __init__(
        self, run: SourceRun, downloads: Path | None, step_multiplier: int, note: Note
    ) -> None:
        """Begin with nothing.

        Args:
            run: the run.
            downloads: the folder of the files of its project, if there is one.
            step_multiplier: what steps are multiplied by.
            note: is told of files that cannot be copied.
        """
        self.folder = SeriesFolder(run.run_id, OTHER_VALUES_FILE)
        self._run = run
        self._downloads = downloads
        self._step_multiplier = step_multiplier
        self._note = note

    def read(self, parts: Sequence[Path]) -> None:
        """Add all files and series of the Parquet files of the run."""
        for batch in read_rows(parts, _TYPES, _COLUMNS):
            for row in batch.to_pylist():
                try:
                    self._add(row)
                except (RunstreamError, ValueError, TypeError, KeyError, OSError) as error:
                    what = f"{row['attribute_path']!a} of run {self._run.run_id}"
                    self._note(what, str(error))

    def read_console(self, parts: Sequence[Path]) -> Iterator[SourceLine]:
        """Yield the lines of the Parquet files of the run."""
        columns = ("step", "timestamp", "string_value")
        for batch in read_rows(parts, ("string_series",), columns):
            for row in batch.to_pylist():
                stream = _find_stream(row["attribute_path"])
                if stream and row["string_value"] is not None:
                    _, timestamp = self._find_place(row)
                    yield SourceLine(stream, timestamp, row["string_value"].rstrip("\n"))

    def _add(self, row: dict[str, Any]) -> None:
        path, kind = row["attribute_path"], row["attribute_type"]
        step, timestamp = self._find_place(row)
        if kind == "string_series":
            if not _find_stream(path):
                self.folder.add_other(path, step, timestamp, row["string_value"])
        elif kind == "histogram_series":
            histogram = row["histogram_value"]
            content = {"edges": histogram["edges"], "counts": histogram["values"], "not_finite": 0}
            self.folder.write_to_series("histograms", path, step, timestamp, json.dumps(content))
        else:
            self._add_file(path, step, timestamp, kind, (row.get("file_value") or {}).get("path"))

    def _add_file(self, path: str, step: int, timestamp: int, kind: str, place: str | None) -> None:
        if not place:
            return  # the exporter could not download it, which it told
        if self._downloads is None:
            raise ValueError("the folder of downloaded files is not there: name it by --files")
        root = self._downloads
        file = root / place
        if not file.resolve().is_relative_to(root.resolve()):
            raise ValueError(f"the file {place!a} is outside of {root}")
        if not file.exists():
            raise ValueError(f"there is no file {file}")
        suffix = file.suffix.lower()
        if file.is_dir():
            for name, one in walk_artifact_files(ArtifactFiles(file, root), self._note):
                self.folder.link(f"{path}/{name}", one)
        elif kind == "file_series" and suffix in _SERIES:
            self.folder.link_to_series(_SERIES[suffix], path, step, timestamp, suffix, file)
        elif kind == "file_series":
            self.folder.link(f"{path}/step_{step}{file.suffix}", file)
        else:
            self.folder.link(path if path.endswith(file.suffix) else path + file.suffix, file)

    def _find_place(self, row: dict[str, Any]) -> tuple[int, int]:
        """Return step and timestamp of a row."""
        step, timestamp = row.get("step"), to_milliseconds(row.get("timestamp"))
        number = 0 if step is None else int(step * self._step_multiplier // 1)
        return number, self._run.start_time if timestamp is None else timestamp


def _find_stream(path: str) -> str:
    """Return the stream of a console that a path means, if it means one."""
    above, _, name = path.rpartition("/")
    is_console = above.split("/")[0] in ("monitoring", "runtime")
    return name if is_console and name in ("stdout", "stderr") else ""
