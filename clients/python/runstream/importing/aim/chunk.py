"""The part of Aim's RocksDB that a run has: its facts in `meta`, its sequences in `seqs`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from runstream.files.optional_libraries import import_optional
from runstream.importing.aim.encoding import build_tree, decode_path, decode_value, encode_path

# Entries of a column that are read at once: at first, and at most. More of them are slower, because
# the garbage collector looks at all that stay.
_FIRST_ENTRIES = 128
_ENTRIES = 2_048

# What a number of the run's sequences is, in the words of Aim.
_METRICS = frozenset({"float", "float64", "int", "number"})


class Sequence(NamedTuple):
    """A sequence of a run: its context there, its name, and the type of what it has.

    Attributes:
        prefix: the beginning of its keys.
        has_steps: whether its steps are a column, and not in its keys.
    """

    context: dict[str, Any]
    name: str
    kind: str
    prefix: bytes
    has_steps: bool

    @property
    def is_metric(self) -> bool:
        """Whether it has numbers."""
        return self.kind in _METRICS

    def key(self) -> str:
        """Return the metric or series that it is here: its name, then its context by names."""
        name = self.name
        if name.startswith("__system__"):
            name = f"system/{name.removeprefix('__system__')}"
        return "/".join([name, *(f"{part}={self.context[part]}" for part in sorted(self.context))])


class Chunk:
    """One of the databases of a run, opened for reading; it is closed with the object."""

    def __init__(self, folder: Path) -> None:
        """Open it.

        Raises:
            ModuleNotFoundError: aimrocks is not installed.
            OSError: it cannot be opened.
        """
        rocks = import_optional("aimrocks", "import of Aim")
        try:
            self._database = rocks.DB(str(folder), rocks.Options(), read_only=True)
        except Exception as error:  # aimrocks has classes of its own for each status of RocksDB
            raise OSError(f"{folder}: {error}") from None

    def get(self, key: bytes) -> bytes | None:
        """Return a value."""
        value: bytes | None = self._database.get(key)
        return value

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield what is below a path, by the rest of its key, in the order of keys."""
        items = self._database.iteritems()
        items.seek(prefix)
        length = len(prefix)
        for key, value in items:
            if not key.startswith(prefix):
                return
            yield key[length:], value

    def read_column(self, prefix: bytes) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """Yield the entries of a column of a sequence: where each is, and its value, in parts.

        It is read in blocks, without a check of each key. Blocks grow, so that of a short column
        not much more is read than it has.
        """
        items = self._database.iteritems()
        items.seek(prefix)
        behind = (prefix[:-1] + b"\xff",)  # the first key that no key of the column reaches
        length, size = len(prefix), _FIRST_ENTRIES
        while block := list(islice(items, size)):
            if is_last := not block[-1][0].startswith(prefix):
                del block[bisect_left(block, behind) :]
            if block and len(block[0][0]) == length:  # the list itself
                del block[0]
            yield [key[length:] for key, _ in block], [value for _, value in block]
            if is_last:
                return
            size = min(2 * size, _ENTRIES)

    def read_tree(self, *path: str | int) -> Any:
        """Return the object at a path; an empty one if there is none."""
        prefix = encode_path(*path)
        return build_tree(
            (decode_path(rest), decode_value(value))
            for rest, value in self.items(prefix)
            if value  # what is empty is a large value, which is elsewhere
        )


def find_sequences(meta: Chunk, run_hash: str) -> Iterator[Sequence]:
    """Yield the sequences of a run."""
    contexts: dict[int, dict[str, Any]] = {}
    place = encode_path("meta", "chunks", run_hash, "traces")
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for rest, value in meta.items(place):
        path = decode_path(rest)
        if len(path) == 3 and path[2] in ("dtype", "version"):
            found.setdefault((int(path[0]), str(path[1])), {})[path[2]] = decode_value(value)
    for (context, name), facts in found.items():
        if context not in contexts:
            tree = meta.read_tree("meta", "chunks", run_hash, "contexts", context)
            contexts[context] = tree if isinstance(tree, dict) else {}
        has_steps = facts.get("version", 1) == 2
        parts = ("seqs", "v2", "chunks") if has_steps else ("seqs", "chunks")
        yield Sequence(
            contexts[context],
            name,
            str(facts.get("dtype")),
            encode_path(*parts, run_hash, context, name),
            has_steps,
        )
