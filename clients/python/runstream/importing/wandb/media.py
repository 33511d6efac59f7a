"""Media, texts and lists of a history, as the files of artifacts that show them here.

Images, tables and so on are the series of `log_image`, `log_table` and the others; what has no
series is in `wandb/history.jsonl`, one value a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runstream.errors import RunstreamError
from runstream.importing.series_folder import SeriesFolder
from runstream.importing.source import Note

#: Where values are that are neither numbers nor files of a series.
OTHER_VALUES_FILE = "wandb/history.jsonl"

# The folder of the series for W&B's kind of a file.
_FOLDERS = {
    "image-file": "images",
    "audio-file": "audio",
    "table-file": "tables",
    "html-file": "figures",
}
# What of a value is lost in a file of a series.
_MORE = ("caption", "captions", "boxes", "masks", "all_boxes", "all_masks")


class RunMedia:
    """What of the history of a run is no number.

    Attributes:
        copied: the files of the run that are in series, by the paths that W&B gives them.
        keys: the metrics of which it has values.
    """

    def __init__(
        self, run_id: str, folder: SeriesFolder, files: Mapping[str, Path], note: Note
    ) -> None:
        """Begin with nothing.

        Args:
            run_id: the run.
            folder: where its artifacts are collected.
            files: all files of the run, by the paths that W&B gives them.
            note: is told of media whose files are not there.
        """
        self.copied: set[str] = set()
        self.keys: set[str] = set()
        self._run_id = run_id
        self._folder = folder
        self._files = files
        self._note = note

    def add(self, key: str, step: int, timestamp: int, value: Any) -> None:
        """Add a value of the history."""
        self.keys.add(key)
        try:
            is_whole = isinstance(value, dict) and self._add_media(key, step, timestamp, value)
            if not is_whole:
                self._folder.add_other(key, step, timestamp, value)
        except (RunstreamError, ValueError, TypeError, KeyError, OSError) as error:
            self._note(f"{key!a} at step {step} of run {self._run_id}", str(error))

    def _add_media(self, key: str, step: int, timestamp: int, value: Mapping[str, Any]) -> bool:
        """Return whether the files of series that were added say all of a value."""
        if value["_type"] == "histogram":
            edges, counts = _read_histogram(value)
            content = json.dumps({"edges": edges, "counts": counts, "not_finite": 0})
            self._folder.write_to_series("histograms", key, step, timestamp, content)
            return True
        files = list(_find_files(value))
        is_series = bool(files)
        for kind, path in files:
            folder = _FOLDERS.get(kind)
            file = self._files.get(path)
            if file is None:
                raise ValueError(f"there is no file {path!a}")
            if folder is None:
                is_series = False  # the file is copied as it is
                continue
            if folder == "tables":
                self._folder.write_to_series(folder, key, step, timestamp, _read_table(file))
            else:
                suffix = Path(path).suffix
                self._folder.link_to_series(folder, key, step, timestamp, suffix, file)
            self.copied.add(path)
        return is_series and not any(value.get(name) for name in _MORE)


def _find_files(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield kind and path of each file of a value."""
    kind = str(value["_type"])
    if kind == "images/separated":
        for path in value.get("filenames") or ():
            yield "image-file", str(path)
    elif isinstance(value.get("path"), str):
        yield kind, value["path"]
    else:  # lists of others have their values by the name of the kind
        for name in ("audio", "videos", "html", "plotly", "objects", "files"):
            for one in value.get(name) or () if isinstance(value.get(name), list) else ():
                if isinstance(one, dict) and isinstance(one.get("path"), str):
                    yield str(one.get("_type", f"{name}-file")), one["path"]


def _read_histogram(value: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    counts = [float(count) for count in value["values"]]
    if "bins" in value:
        edges = [float(edge) for edge in value["bins"]]
    else:
        packed = value["packedBins"]
        edges = [
            float(packed["min"]) + float(packed["size"]) * number
            for number in range(int(packed["count"]) + 1)
        ]
    if len(edges) != len(counts) + 1:
        raise ValueError(f"a histogram has {len(edges)} edges and {len(counts)} counts")
    return edges, [int(count) if count.is_integer() else count for count in counts]


def _read_table(file: Path) -> str:
    table = json.loads(file.read_text(encoding="utf-8"))
    columns = [str(name) for name in table["columns"]]
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in table["data"])
    return f'{{"columns": {json.dumps(columns, ensure_ascii=False)}, "data": [\n{rows}\n]}}'
