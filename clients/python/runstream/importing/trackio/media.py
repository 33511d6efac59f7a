"""Media that Trackio logged, as files of series over steps."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from runstream.importing.source import Note
from runstream.importing.trackio.project import Row
from runstream.importing.trackio.rows import to_milliseconds
from runstream.rules import check_key

_FOLDERS = {
    "trackio.image": "images",
    "trackio.audio": "audio",
    "trackio.video": "videos",
    "trackio.html": "figures",
    "trackio.object3d": "files",
}


class MediaFolder:
    """Fills a folder with links to the media of a run, and with small files."""

    def __init__(self, folder: Path, store: Path, run_id: str, note: Note) -> None:
        """Begin with an empty folder.

        Args:
            folder: the folder.
            store: the folder of Trackio, in which the media are.
            run_id: the run; names of files are derived from it, so that they are always the same.
            note: is told of media that cannot be read.
        """
        self._folder = folder
        self._store = store.resolve()
        self._run_id = run_id
        self._note = note

    def add_row(self, row: Row) -> None:
        """Add what a row has of media."""
        try:
            media = list(_find_media(json.loads(row.logged)))
            time = to_milliseconds(row.timestamp)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return  # told when its points are read
        for number, (key, value) in enumerate(media):
            try:
                check_key("key", key)
                self._add(key, row.step or 0, time, number, value)
            except (ValueError, TypeError, LookupError, OSError) as error:
                what = f"{key!a} at step {row.step} of run {self._run_id}"
                self._note(what, str(error) or type(error).__name__)

    def _add(self, key: str, step: int, time: int, number: int, value: Mapping[str, Any]) -> None:
        kind = value["_type"]
        place = f"{key.replace('/', '~')}+step+{step}+timestamp+{time}"
        name = f"{place}+{uuid.uuid5(uuid.NAMESPACE_OID, f'{self._run_id} {place} {number}')}"
        if kind in _FOLDERS:
            file = self._find_file(str(value["file_path"]))
            target = self._folder / _FOLDERS[kind] / f"{name}{file.suffix}"
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(file)
        elif kind == "trackio.histogram":
            edges, counts = value["bins"], value.get("values", value.get("counts"))
            if counts is None or len(edges) != len(counts) + 1:
                raise ValueError("it is no histogram")
            content = {"edges": edges, "counts": counts, "not_finite": 0}
            self._write("histograms", f"{name}.json", content)
        elif kind == "trackio.table":
            self._write("tables", f"{name}.json", _to_table(value["_value"]))
        elif kind == "trackio.markdown":
            self._write("texts", f"{name}.md", str(value["_value"]))
        else:
            raise ValueError(f"media of the kind {kind!a} have no place here")

    def _find_file(self, path: str) -> Path:
        """Return a file of the store; old versions say where it is from another folder.

        Raises:
            FileNotFoundError: it is not in the store.
        """
        parts = PurePosixPath(path)
        for place in (self._store / "media" / parts, self._store / parts):
            file = place.resolve()
            if file.is_file() and file.is_relative_to(self._store):
                return file
        raise FileNotFoundError(f"there is no file {path!a} in {self._store}")

    def _write(self, folder: str, name: str, content: Any) -> None:
        place = self._folder / folder
        place.mkdir(exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (place / name).write_text(text, encoding="utf-8")


def _find_media(logged: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the media of a row, each with its key; also those that stand in lists and groups."""
    for name, value in logged.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                continue
            if isinstance(one.get("_type"), str):
                yield f"{prefix}{name}", one
            else:
                yield from _find_media(one, f"{prefix}{name}.")


def _to_table(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows as `log_table` stores a table."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_to_cell(row.get(name)) for name in columns] for row in rows]
    return {"columns": columns, "data": cells}


def _to_cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return value
