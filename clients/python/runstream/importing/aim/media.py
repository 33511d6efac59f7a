"""Images, sound, texts, figures and distributions of Aim, as files of series over steps."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runstream.importing.aim.chunk import Chunk, Sequence
from runstream.importing.aim.encoding import (
    TYPE,
    build_tree,
    decode_path,
    decode_value,
    encode_path,
)
from runstream.importing.source import Note
from runstream.rules import check_artifact_path, check_key

_BLOBS = b"BLOBS\xfe"
_FORMATS = {"aim.image": ("images", "png"), "aim.audio": ("audio", "wav")}
_DTYPES = {"int64": "q", "float64": "d", "int32": "i", "float32": "f", "uint64": "Q"}


class MediaFolder:
    """Writes the media of a run to a folder."""

    def __init__(self, folder: Path, run_id: str, note: Note) -> None:
        """Begin with an empty folder; names of files are derived from the run, always the same."""
        self._folder = folder
        self._run_id = run_id
        self._note = note

    def add_sequence(self, chunk: Chunk, sequence: Sequence) -> None:
        """Add all of a sequence."""
        key = sequence.key()
        try:
            check_key("key", key)
            times = read_times(chunk, sequence)
            for step, value in read_objects(chunk, sequence):
                for number, one in enumerate(value if isinstance(value, list) else [value]):
                    self._add(key, step, times.get(step, 0), number, one)
        except (ValueError, LookupError, TypeError, struct.error, OSError) as error:
            what = f"{sequence.kind} {key!a} of run {self._run_id}"
            self._note(what, str(error) or type(error).__name__)

    def _add(self, key: str, step: int, time: int, number: int, value: dict[str, Any]) -> None:
        kind = value[TYPE]
        content: bytes | str = value["data"]
        if kind in _FORMATS:
            folder, suffix = _FORMATS[kind]
            suffix = str(value.get("format") or suffix)
        elif kind == "aim.text":
            folder, suffix = "texts", "txt"
        elif kind == "aim.figure":
            folder, suffix = "figures", "json"
        elif kind == "aim.distribution":
            folder, suffix, content = "histograms", "json", _to_histogram(value)
        else:
            raise ValueError(f"objects of the kind {kind!a} have no place here")
        place = f"{folder}/{key.replace('/', '~')}+step+{step}+timestamp+{time}"
        name = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._run_id} {place} {number}")
        path = f"{place}+{name}.{suffix}"
        check_artifact_path("path", path)
        file = self._folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def read_times(chunk: Chunk, sequence: Sequence) -> dict[int, int]:
    """Return the time of each step in milliseconds since the epoch."""
    return {
        struct.unpack_from(">q", rest, 1)[0]: round(decode_value(value) * 1000)
        for rest, value in chunk.items(sequence.prefix + encode_path("time"))
        if len(rest) == 10
    }


def read_objects(chunk: Chunk, sequence: Sequence) -> Iterator[tuple[int, Any]]:
    """Yield what a sequence has at each step: an object, or a list of objects."""
    prefix = sequence.prefix + encode_path("val")
    step: int | None = None
    items: list[tuple[list[str | int], Any]] = []
    for rest, value in chunk.items(prefix):
        path = decode_path(rest)
        if not path:
            continue
        if path[0] != step:
            if step is not None:
                yield step, build_tree(items)
            step, items = int(path[0]), []
        content = value or chunk.get(_BLOBS + prefix + rest) or b"\x00"
        items.append((path[1:], decode_value(content)))
    if step is not None:
        yield step, build_tree(items)


def _to_histogram(value: dict[str, Any]) -> str:
    bins = value["bin_count"]
    counts = struct.unpack(f"<{bins}{_DTYPES[value['dtype']]}", value["data"])
    low, high = value["range"]
    edges = [low + (high - low) * number / bins for number in range(bins)] + [high]
    return json.dumps({"edges": edges, "counts": counts, "not_finite": 0})
