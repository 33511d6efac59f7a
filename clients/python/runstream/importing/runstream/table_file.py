"""A table of an export, of which rows are read by run, model or experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition
from runstream.importing.runstream.tables import TABLES, import_pyarrow, table_schema


class _Rows(NamedTuple):
    """Rows of one owner in a row group."""

    group: int
    start: int
    length: int


class TableFile:
    """A Parquet file whose rows are found by the first column.

    An index says in which row groups the rows of each owner are; it is made of that column alone.
    One row group is in memory at a time.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Open the file.

        Raises:
            FailedPrecondition: it is not there, or has other columns.
        """
        self._pyarrow = import_pyarrow()
        self._owner = next(iter(TABLES[name]))
        self._group: tuple[int, Any] = (-1, None)
        path = folder / f"{name}.parquet"
        texts = [column for column, kind in TABLES[name].items() if kind == "text"]
        coded = [column for column in texts if column in ("run_id", "key", self._owner)]
        try:
            self._file = self._pyarrow.parquet.ParquetFile(path, read_dictionary=coded)
        except (OSError, ValueError) as error:
            raise _malformed(path, str(error)) from None
        if self._file.schema_arrow.names != table_schema(name).names:
            raise _malformed(path, "it has other columns")
        self._index = self._make_index()

    def owners(self) -> list[str]:
        """Return what has rows, in their order."""
        return list(self._index)

    def count(self, owner: str) -> int:
        """Return how many rows one has."""
        return sum(rows.length for rows in self._index.get(owner, ()))

    def read_parts(self, owner: str) -> Iterator[Any]:
        """Yield the rows of one as Arrow tables."""
        for group, start, count in self._index.get(owner, ()):
            if self._group[0] != group:
                self._group = (-1, None)  # of which there is no need any more
                self._group = (group, self._file.read_row_group(group))
            yield self._group[1].slice(start, count)

    def read(self, owner: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of one as dictionaries."""
        for part in self.read_parts(owner):
            for batch in part.to_batches(max_chunksize=1_000):
                yield from batch.to_pylist()

    def _make_index(self) -> dict[str, list[_Rows]]:
        index: dict[str, list[_Rows]] = {}
        encode = self._pyarrow.compute.run_end_encode
        for group in range(self._file.num_row_groups):
            column = self._file.read_row_group(group, [self._owner]).column(0).cast("string")
            start = 0
            for chunk in map(encode, column.chunks):
                first = 0
                ends = zip(chunk.values.to_pylist(), chunk.run_ends.to_pylist(), strict=True)
                for owner, end in ends:
                    rows = _Rows(group, start + first, end - first)
                    index.setdefault(owner, []).append(rows)
                    first = end
                start += len(chunk)
        return index


def _malformed(path: Path, why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{path} cannot be read: {why}", reason="EXPORT_MALFORMED", field="source"
    )
