"""Reads tables into runs and points."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import itemgetter
from typing import Any

from runstream.errors import RunstreamError, shorten
from runstream.importing.source import Note
from runstream.importing.tables.cells import (
    ABSENT,
    Refuse,
    read_numbers,
    read_steps,
    read_times,
    to_text,
)
from runstream.importing.tables.mapping import TableMapping
from runstream.importing.tables.run_points import Points, RunPoints
from runstream.importing.tables.table_files import Part, TableFile
from runstream.rules import check_key

# What a run has once, in a column, by its role.
_ATTRIBUTES = ("name", "status", "start_time", "end_time")


@dataclass
class TableRun:
    """A run of a table.

    Attributes:
        experiment: its experiment.
        label: what it is called there.
        attributes, params, tags: what its rows say once.
        refused: cells and rows that could not be read, and may be of this run.
        time_units: the milliseconds of 1 in each role that is a time.
    """

    experiment: str
    label: str
    attributes: dict[str, Any] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    time_units: Mapping[str, float] = field(default_factory=dict)


class TableReader:
    """Reads tables; rows of any of them may belong to the same run.

    Attributes:
        runs: the runs, by their numbers in `points`.
        keys: the metrics, by their numbers in `points`.
        points: the points.
    """

    def __init__(self, note: Note) -> None:
        self.runs: list[TableRun] = []
        self.keys: list[str] = []
        self.points = RunPoints()
        self._note = note
        self._run_numbers: dict[tuple[Any, Any], int] = {}
        self._key_numbers: dict[Any, int] = {}
        self._rows: Counter[tuple[int, int]] = Counter()

    def read(self, file: TableFile, mapping: TableMapping, experiment: str, run: str) -> None:
        """Read a file.

        Args:
            file: the file.
            mapping: what its columns are.
            experiment: the experiment, if no column has it.
            run: the run, if no column has it.
        """
        malformed = 0
        seen: set[int] = set()

        def note(what: str, why: str) -> None:
            nonlocal malformed
            malformed += 1
            self._note(what, why)

        for part in file.read_parts(note):
            rows = _Rows(file, part, self._note)
            runs = self._number_runs(rows, mapping, experiment, run)
            seen.update(runs)
            self._read_facts(rows, mapping, runs)
            self.points.append(
                self._long_points(rows, mapping, runs)
                if mapping.is_long
                else self._wide_points(rows, mapping, runs)
            )
            for row in rows.noted:
                if self.runs:
                    self.runs[runs[row]].refused += 1
        for number in seen if malformed else ():
            self.runs[number].refused += malformed

    def _number_runs(
        self, rows: _Rows, mapping: TableMapping, experiment: str, run: str
    ) -> array[int]:
        """Return the number of the run of each row; rows without one are refused."""
        of_row = {
            role: rows.cells[mapping.roles[role]] if role in mapping.roles else None
            for role in ("experiment", "run")
        }
        for role, cells in of_row.items():
            if cells is not None and not ABSENT.isdisjoint(cells):
                refuse = rows.refuse_row(mapping.roles[role])
                for row, cell in enumerate(cells):
                    if cell in ABSENT:
                        refuse(row, f"names no {role}")
        experiments, runs = of_row["experiment"], of_row["run"]
        if experiments is None:  # as nearly always: no pair is made for each row
            names = dict.fromkeys(runs or (run,))
            numbers = {name: self._number_run((experiment, name), mapping) for name in names}
            return array("q", map(numbers.__getitem__, runs or (run,) * rows.count))
        pairs = list(zip(experiments, runs or (run,) * rows.count, strict=True))
        of_pair = {pair: self._number_run(pair, mapping) for pair in dict.fromkeys(pairs)}
        return array("q", map(of_pair.__getitem__, pairs))

    def _number_run(self, pair: tuple[Any, Any], mapping: TableMapping) -> int:
        """Return the number of the run of an experiment; 0 for cells that name none."""
        if not ABSENT.isdisjoint(pair):
            return 0
        number = self._run_numbers.setdefault(pair, len(self.runs))
        if number == len(self.runs):
            units = {role: mapping.units.get(of, 1.0) for role, of in mapping.roles.items()}
            self.runs.append(TableRun(to_text(pair[0]), to_text(pair[1]), time_units=units))
        return number

    def _read_facts(self, rows: _Rows, mapping: TableMapping, runs: Sequence[int]) -> None:
        """Keep the params, tags and attributes of the rows, the first ones of each run."""
        wanted = [(mapping.roles[role], role, "attributes") for role in _ATTRIBUTES
                  if role in mapping.roles]  # fmt: skip
        wanted += [(column, name, "params") for column, name in mapping.params.items()]
        wanted += [(column, name, "tags") for column, name in mapping.tags.items()]
        for column, name, group in wanted:
            for run, cell, row in _first_rows(runs, rows.cells[column]):
                if cell in ABSENT or cell != cell or row in rows.refused:  # NaN
                    continue
                facts = getattr(self.runs[run], group)
                fact = cell if group == "attributes" else to_text(cell)
                if facts.setdefault(name, fact) != fact:
                    kept = shorten(repr(facts[name]))
                    rows.note(row, column, f"is another one than {kept} before, which is kept")

    def _long_points(self, rows: _Rows, mapping: TableMapping, runs: array[int]) -> Points:
        names, values = (rows.cells[mapping.roles[role]] for role in ("key", "value"))
        self._number_keys(rows, mapping.roles["key"], dict.fromkeys(names))
        keys = array("q", map(self._key_numbers.__getitem__, names))
        # A row is there because there is a point: pandas writes NaN as an empty cell.
        if not ABSENT.isdisjoint(values):
            values = ["nan" if cell in ABSENT else cell for cell in values]
        numbers = read_numbers(values, rows.refuse_row(mapping.roles["value"]))
        steps = self._read_steps(rows, mapping, runs, keys)
        times = self._read_times(rows, mapping)
        if -1 in keys:
            unnamed = [row for row, key in enumerate(keys) if key < 0]
            rows.refused.update(unnamed)
            rows.noted.extend(unnamed)
        points = Points(runs, keys, steps, times, numbers)
        if not rows.refused:
            return points
        kept = [row not in rows.refused for row in range(rows.count)]
        return points.map(lambda column: array(column.typecode, compress(column, kept)))

    def _wide_points(self, rows: _Rows, mapping: TableMapping, runs: array[int]) -> Points:
        steps = self._read_steps(rows, mapping, runs, array("q", bytes(8 * rows.count)))
        times = self._read_times(rows, mapping)
        points = Points(array("q"), array("q"), array("q"), array("q"), array("d"))
        for column, name in mapping.metrics.items():
            self._number_keys(rows, column, [name])
            key = self._key_numbers[name]
            if key >= 0:
                self._append_metric(points, rows, column, key, (runs, steps, times))
        return points

    def _append_metric(
        self,
        points: Points,
        rows: _Rows,
        column: str,
        key: int,
        of_row: tuple[array[int], array[int], array[int]],
    ) -> None:
        """Append the points of one column; its empty cells are none."""
        cells = rows.cells[column]
        numbers: Iterable[int] = range(rows.count)
        if rows.refused or not ABSENT.isdisjoint(cells):
            numbers = [
                row for row, cell in enumerate(cells)
                if cell not in ABSENT and row not in rows.refused
            ]  # fmt: skip
            cells = [cells[row] for row in numbers]
        places = list(numbers)
        refused = set()

        def refuse(index: int, why: str) -> None:
            refused.add(index)
            rows.note(places[index], column, why)

        values = read_numbers(cells, refuse)
        if refused:
            kept = [index not in refused for index in range(len(places))]
            values = array("d", compress(values, kept))
            places = list(compress(places, kept))
        whole = len(places) == rows.count
        for target, source in zip((points.run, points.step, points.timestamp), of_row, strict=True):
            target.extend(source if whole else array("q", map(source.__getitem__, places)))
        points.key.extend(array("q", [key]) * len(places))
        points.value.extend(values)

    def _number_keys(self, rows: _Rows, column: str, names: Iterable[Any]) -> None:
        """Give each name of a metric a number, -1 to those that no metric may have."""
        for name in names:
            if name in self._key_numbers:
                continue
            key = "" if name in ABSENT else to_text(name)
            try:
                check_key("key", key)
            except RunstreamError as error:
                self._key_numbers[name] = -1
                self._note(
                    f"{rows.file.path}: column {column!r}", f"{error}; its points are left out"
                )
            else:
                self._key_numbers[name] = len(self.keys)
                self.keys.append(key)

    def _read_steps(
        self, rows: _Rows, mapping: TableMapping, runs: array[int], keys: array[int]
    ) -> array[int]:
        """Return the steps; without a column they count the rows of each run, or of its metrics."""
        column = mapping.roles.get("step")
        if column is not None:
            return read_steps(rows.cells[column], rows.refuse_row(column))
        steps = array("q")
        for pair in zip(runs, keys, strict=True):
            steps.append(self._rows[pair])
            self._rows[pair] += 1
        return steps

    def _read_times(self, rows: _Rows, mapping: TableMapping) -> array[int]:
        """Return the timestamps; 0 without a column, so that they are the same in each import."""
        for role in ("timestamp", "end_time", "start_time"):
            column = mapping.roles.get(role)
            if column is None:
                continue
            cells = rows.cells[column]
            if role != "timestamp":  # a run may have none
                cells = [0 if cell in ABSENT else cell for cell in cells]
            return read_times(cells, mapping.units[column], rows.refuse_row(column))
        return array("q", bytes(8 * rows.count))


class _Rows:
    """The rows of a part by column: which are left out, and which have a fault."""

    def __init__(self, file: TableFile, part: Part, note: Note) -> None:
        self.file = file
        self.cells: Mapping[str, Sequence[Any]] = dict(zip(file.columns, part.columns, strict=True))
        self.count = len(part.columns[0])
        self.refused: set[int] = set()
        self.noted: list[int] = []
        self._locate = part.locate
        self._take = note

    def note(self, row: int, column: str, why: str) -> None:
        """Say what is wrong with a cell."""
        self.noted.append(row)
        cell = shorten(repr(self.cells[column][row]))
        self._take(f"{self._locate(row)}: column {column!r}", f"{cell} {why}")

    def refuse_row(self, column: str) -> Refuse:
        """Return what leaves a row out because of its cell in a column."""

        def refuse(row: int, why: str) -> None:
            self.refused.add(row)
            self.note(row, column, why)

        return refuse


def _first_rows(runs: Sequence[int], cells: Sequence[Any]) -> list[tuple[int, Any, int]]:
    """Return the runs with each of their cells and its first row, in the order of rows."""
    pairs = list(zip(runs, cells, strict=True))
    first = dict(zip(reversed(pairs), range(len(pairs) - 1, -1, -1), strict=True))
    return [(run, cell, row) for (run, cell), row in sorted(first.items(), key=itemgetter(1))]
