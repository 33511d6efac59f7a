"""A table of an export while it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runstream.importing.runstream.tables import (
    GROUP_ROWS,
    TABLES,
    import_pyarrow,
    table_schema,
)

# Bytes of texts in a row group, after which it is written though it has few rows.
_GROUP_BYTES = 16 * 1024 * 1024


class TableWriter:
    """Writes rows to a Parquet file, a row group at a time.

    The row groups, and so the bytes of the file, depend on the rows alone, not on how they come.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.parquet"
        self._pyarrow = import_pyarrow()
        self._schema = table_schema(name)
        self._texts = [column for column, kind in TABLES[name].items() if kind == "text"]
        self._rows: list[tuple[Any, ...]] = []
        self._bytes = 0
        self._columns: list[Any] = []  # tables of columns that wait
        self._waiting = 0
        self._writer = self._pyarrow.parquet.ParquetWriter(
            self.path, self._schema, compression="zstd"
        )

    def add(self, row: Sequence[Any]) -> None:
        """Add a row, in the order of the columns."""
        self._rows.append(tuple(row))
        self._bytes += sum(len(value) for value in row if isinstance(value, str))
        if len(self._rows) >= GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._write_rows()

    def add_columns(self, columns: Mapping[str, Any]) -> None:
        """Add many rows as arrays; not mixed with `add`."""
        table = self._pyarrow.table(dict(columns), schema=self._schema)
        self._columns.append(table)
        self._waiting += table.num_rows
        if self._waiting >= GROUP_ROWS:
            self._write_columns(GROUP_ROWS)

    def close(self) -> str:
        """Write the rest, and return the SHA-256 of the file."""
        self._write_rows()
        self._write_columns(1)
        self._writer.close()
        digest = hashlib.sha256()
        with self.path.open("rb") as content:
            while chunk := content.read(1024 * 1024):
                digest.update(chunk)
        return digest.hexdigest()

    def _write_rows(self) -> None:
        if not self._rows:
            return
        columns = [list(column) for column in zip(*self._rows, strict=True)]
        arrays = [
            self._pyarrow.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._pyarrow.table(arrays, schema=self._schema))
        self._rows, self._bytes = [], 0

    def _write_columns(self, least: int) -> None:
        """Write whole row groups while at least so many rows wait."""
        if self._waiting < least:
            return
        table = self._pyarrow.concat_tables(self._columns)
        start = 0
        while table.num_rows - start >= least:
            group = table.slice(start, GROUP_ROWS)
            self._writer.write_table(group, row_group_size=GROUP_ROWS)
            start += group.num_rows
        self._columns = [table.slice(start)]
        self._waiting = table.num_rows - start
