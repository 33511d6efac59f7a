"""Files of a run that were read and not yet passed on, named as series over steps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from runstream.files.media_serialization import BINS
from runstream.importing.source import ArtifactFiles
from runstream.importing.tensorboard.names import shorten_series_key
from runstream.importing.tensorboard.points import to_milliseconds

# How files of these formats begin.
_FORMATS = (
    (b"\x89PNG\r\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"OggS", ".ogg"),
    (b"fLaC", ".flac"),
    (b"ID3", ".mp3"),
)
_RIFF_FORMATS = {b"WAVE": ".wav", b"WEBP": ".webp"}


class _File(NamedTuple):
    key: str
    step: int
    path: Path


class MediaFiles:
    """Writes files of series into a temporary folder.

    Attributes:
        removed: how many files were removed.
        has_images: whether there were images.
    """

    def __init__(self) -> None:
        self.removed = 0
        self.has_images = False
        self._folder: TemporaryDirectory[str] | None = None
        self._files: list[_File] = []

    def write(
        self,
        folder: str,
        suffix: str,
        key: str,
        step: int,
        wall_time: float,
        contents: Sequence[bytes],
    ) -> None:
        """Write the files of a series at a step; their names come from their content and order."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="runstream-import-")
        place = Path(self._folder.name, folder)
        place.mkdir(exist_ok=True)
        self.has_images = self.has_images or folder == "images"
        name = shorten_series_key(key).replace("/", "~")
        prefix = f"{name}+step+{step}+timestamp+{to_milliseconds(wall_time)}+"
        for i, content in enumerate(contents):
            digest = sha256(content).hexdigest()
            uuid = f"{i:08x}-{digest[:4]}-{digest[4:8]}-{digest[8:12]}-{digest[12:24]}"
            path = place / f"{prefix}{uuid}{suffix or _suffix_of(content)}"
            path.write_bytes(content)
            self._files.append(_File(key, step, path))

    def remove_from(self, step: int, key: str | None = None) -> None:
        """Remove the files of this step and later ones, of one series or of all."""
        kept = []
        for file in self._files:
            if file.step < step or key not in (None, file.key):
                kept.append(file)
            else:
                file.path.unlink(missing_ok=True)
                self.removed += 1
        self._files = kept

    def take(self) -> AbstractContextManager[ArtifactFiles | None]:
        """Provide all files; it has forgotten them, and they are removed at the end."""
        folder, self._folder, self._files = self._folder, None, []
        return nullcontext() if folder is None else _provide(folder)

    def close(self) -> None:
        """Forget all files."""
        with self.take():
            pass


@contextmanager
def _provide(folder: TemporaryDirectory[str]) -> Iterator[ArtifactFiles]:
    with folder as name:
        yield ArtifactFiles(Path(name), Path(name))


def serialize_buckets(edges: Sequence[float], counts: Sequence[float]) -> bytes:
    """Return a histogram as `log_histogram` stores one.

    Args:
        edges: where buckets begin and end, one more than `counts`.
        counts: how many values each has.

    Raises:
        ValueError: the edges are not finite or do not rise, or there are no buckets or too many.
    """
    if not 1 <= len(counts) <= BINS or len(edges) != len(counts) + 1:
        raise ValueError(f"a histogram of {len(counts)} buckets: it must have 1 to {BINS}")
    if not all(map(math.isfinite, edges)) or any(a > b for a, b in pairwise(edges)):
        raise ValueError("a histogram whose edges are not finite, or do not rise")
    whole = [int(count) if count.is_integer() else count for count in map(float, counts)]
    return json.dumps({"edges": list(edges), "counts": whole, "not_finite": 0}).encode()


def _suffix_of(content: bytes) -> str:
    """Return the suffix of a file by its first bytes."""
    if content[:4] == b"RIFF":
        return _RIFF_FORMATS.get(content[8:12], ".bin")
    for start, suffix in _FORMATS:
        if content.startswith(start):
            return suffix
    return ".svg" if content.lstrip()[:4] in (b"<svg", b"<?xm") else ".bin"
