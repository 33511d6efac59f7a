"""Files of tables, read in parts: CSV by the standard library, Parquet by pyarrow."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional
from runstream.importing.source import Note

#: Cells of one part: few enough for the garbage collector to look at few rows that stay.
PART_CELLS = 10_000

_DELIMITERS = ",;\t|"
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_MAX_CELL = 16 << 20


class Part(NamedTuple):
    """Rows of a table that follow each other.

    Attributes:
        columns: their cells, a column for each of the table.
        locate: returns where a row is, for people.
    """

    columns: Sequence[Sequence[Any]]
    locate: Callable[[int], str]


class TableFile(Protocol):
    """A file with a table."""

    path: Path
    columns: Sequence[str]
    milliseconds: frozenset[str]  # columns whose numbers are milliseconds since the epoch

    def read_parts(self, note: Note, cells: int = PART_CELLS) -> Iterator[Part]:
        """Yield the rows, in parts; those that are malformed are noted and left out."""


class CsvFile:
    """A file of CSV whose first row has the names of the columns.

    Columns are separated by comma, semicolon, tab or `|`: by what the first row has most of.
    """

    def __init__(self, path: Path) -> None:
        """Read the names of the columns.

        Raises:
            InvalidArgument: there are none.
            OSError, UnicodeDecodeError: the file cannot be read.
        """
        csv.field_size_limit(_MAX_CELL)
        self.path = path
        self.milliseconds: frozenset[str] = frozenset()
        with self._open() as file:
            line = file.readline()
        self._delimiter = max(_DELIMITERS, key=line.count)
        with self._open() as file:
            self.columns: Sequence[str] = [
                name.strip() for name in next(csv.reader(file, delimiter=self._delimiter), ())
            ]
        check_columns(path, self.columns)

    def read_parts(self, note: Note, cells: int = PART_CELLS) -> Iterator[Part]:
        """Yield the rows, in parts."""
        width = len(self.columns)
        with self._open() as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            next(reader)
            while True:
                before = reader.line_num
                try:
                    rows = list(islice(reader, max(1, cells // width)))
                except (csv.Error, UnicodeDecodeError) as error:
                    note(f"{self.path}:{reader.line_num + 1} and what follows", str(error))
                    return
                if not rows:
                    return
                lines: Sequence[int] = range(before + 1, before + 1 + len(rows))
                if reader.line_num != before + len(rows):  # cells have line breaks
                    lines = _line_numbers(rows, before)
                if set(map(len, rows)) != {width}:
                    rows, lines = self._select_rows(rows, lines, note)
                if rows:
                    yield Part(list(zip(*rows, strict=True)), self._locator(lines))

    def _open(self) -> IO[str]:
        return self.path.open(newline="", encoding="utf-8-sig")

    def _locator(self, lines: Sequence[int]) -> Callable[[int], str]:
        return lambda row: f"{self.path}:{lines[row]}"

    def _select_rows(
        self, rows: list[list[str]], lines: Sequence[int], note: Note
    ) -> tuple[list[list[str]], list[int]]:
        """Return the rows that have all columns, and where they begin; empty lines are no rows."""
        found: list[list[str]] = []
        places: list[int] = []
        for row, line in zip(rows, lines, strict=True):
            if len(row) == len(self.columns):
                found.append(row)
                places.append(line)
            elif row:
                note(f"{self.path}:{line}", f"it has {len(row)} columns, not {len(self.columns)}")
        return found, places


class ParquetFile:
    """A file of Parquet, read by pyarrow."""

    def __init__(self, path: Path) -> None:
        """Read the names of the columns.

        Raises:
            ModuleNotFoundError: pyarrow is not installed.
            InvalidArgument: it has no columns, or is no file of Parquet.
            OSError: it cannot be read.
        """
        self._arrow = import_optional("pyarrow", "import of Parquet")
        parquet = import_optional("pyarrow.parquet", "import of Parquet")
        self.path = path
        try:
            self._file = parquet.ParquetFile(path)
        except self._arrow.ArrowInvalid as error:
            raise _malformed(path, f"it is no file of Parquet: {error}") from None
        schema = self._file.schema_arrow
        self.columns: Sequence[str] = list(schema.names)
        self.milliseconds = frozenset(
            field.name for field in schema if self._arrow.types.is_timestamp(field.type)
        )
        check_columns(path, self.columns)

    def read_parts(self, note: Note, cells: int = PART_CELLS) -> Iterator[Part]:
        """Yield the rows, in parts."""
        first = 1
        rows = max(1, cells // len(self.columns))
        try:
            for batch in self._file.iter_batches(rows):
                columns = [self._to_cells(column) for column in batch.columns]
                yield Part(columns, self._locator(first))
                first += batch.num_rows
        except (self._arrow.ArrowInvalid, self._arrow.ArrowNotImplementedError, OSError) as error:
            note(f"{self.path}, row {first} and what follows", str(error))

    def _to_cells(self, column: Any) -> list[Any]:
        """Return the cells as Python values, times as milliseconds since the epoch."""
        arrow = self._arrow
        if arrow.types.is_timestamp(column.type):
            milliseconds = column.cast(arrow.timestamp("ms", column.type.tz), safe=False)
            column = milliseconds.cast(arrow.int64())
        cells: list[Any] = column.to_pylist()
        if arrow.types.is_nested(column.type):
            return [None if cell is None else str(cell) for cell in cells]
        return cells

    def _locator(self, first: int) -> Callable[[int], str]:
        return lambda row: f"{self.path}, row {first + row}"


def check_columns(path: Path, columns: Sequence[str]) -> None:
    """Check that a table has columns, and each name once; several may have no name.

    Raises:
        InvalidArgument: it is not so.
    """
    if not any(columns):
        raise _malformed(path, "its first row has no names of columns")
    names = [name for name in columns if name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _malformed(path, f"it has several columns {twice[0]!r}")


def _line_numbers(rows: Sequence[Sequence[str]], before: int) -> list[int]:
    """Return the line in which each row begins, after so many lines before the first."""
    lines = []
    for row in rows:
        lines.append(before + 1)
        before += 1 + sum(len(_LINE_BREAK.findall(cell)) for cell in row)
    return lines


def _malformed(path: Path, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"{path}: {why}", reason="SOURCE_MALFORMED", field="source", value=str(path)
    )
