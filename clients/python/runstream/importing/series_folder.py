"""A temporary folder of artifacts: files of series by key and step, and links to other files."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from runstream.importing.source import ArtifactFiles
from runstream.rules import check_artifact_path, check_key


class SeriesFolder:
    """The artifacts of a run, until `close`. Their names are the same in each import."""

    def __init__(self, run_id: str, others: str) -> None:
        """Begin with an empty folder.

        Args:
            run_id: the run.
            others: the path of the file for values that belong to no series of files.
        """
        self._run_id = run_id
        self._others_path = others
        self._temporary = tempfile.TemporaryDirectory(prefix="runstream-import-")
        self._folder = Path(self._temporary.name)
        self._numbers: Counter[str] = Counter()
        self._others: TextIO | None = None

    def files(self) -> ArtifactFiles:
        """Return the folder; where its links lead is checked by who makes them."""
        if self._others is not None:
            self._others.close()
            self._others = None
        return ArtifactFiles(self._folder, Path(self._folder.anchor))

    def close(self) -> None:
        """Remove the folder."""
        self.files()
        self._temporary.cleanup()

    def link(self, path: str, file: Path) -> None:
        """Add a file at a path among the artifacts.

        Raises:
            InvalidArgument: it is no path of an artifact.
            OSError: there is such a file already.
        """
        self._place(path).symlink_to(file.resolve())

    def link_to_series(
        self, folder: str, key: str, step: int, timestamp: int, suffix: str, file: Path
    ) -> None:
        """Add a file to a series, such as those of `images`.

        Raises:
            InvalidArgument: the key breaks its rule.
        """
        self.link(self._series_path(folder, key, step, timestamp, suffix), file)

    def write_to_series(
        self, folder: str, key: str, step: int, timestamp: int, content: str
    ) -> None:
        """Add JSON to a series, such as those of `tables`.

        Raises:
            InvalidArgument: the key breaks its rule.
        """
        path = self._series_path(folder, key, step, timestamp, ".json")
        self._place(path).write_text(content, encoding="utf-8")

    def add_other(self, key: str, step: int, timestamp: int, value: Any) -> None:
        """Add a value that belongs to no series of files, as a line of JSON."""
        if self._others is None:
            self._others = self._place(self._others_path).open("a", encoding="utf-8")
        row = {"key": key, "step": step, "timestamp": timestamp, "value": value}
        self._others.write(json.dumps(row) + "\n")

    def _place(self, path: str) -> Path:
        check_artifact_path("path", path)
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _series_path(self, folder: str, key: str, step: int, timestamp: int, suffix: str) -> str:
        check_key("key", key)
        stem = f"{folder}/{key.replace('/', '~')}+step+{step}+timestamp+{timestamp}"
        self._numbers[stem] += 1
        name = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._run_id} {stem} {self._numbers[stem]}")
        return f"{stem}+{name}{suffix}"
