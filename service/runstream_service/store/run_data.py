"""What runs logged, read for many runs with a few statements.

Rows are those of the driver: for a page of a thousand runs Peewee's models would take longer than
the database.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runstream_service.store.datasets import DatasetInput, inputs_of
from runstream_service.store.models import NAN, Param, Run, RunTag, Series, database
from runstream_service.store.outputs import ModelOutput, outputs_of
from runstream_service.store.statement import LISTED, listed, written

#: The latest point of a metric: key, value, timestamp, step.
Latest = tuple[str, float, int, int]
Pair = tuple[str, str]

# Runs that are read by the first statements for a page, and at most by one. A page may end at its
# size long before its number of runs: what is read and not used is about as much as what is.
_FIRST_RUNS = 50
_RUNS = 500

_COLUMNS = {
    Series: (Series.key, Series.last_value, Series.last_timestamp, Series.last_step),
    Param: (Param.key, Param.value),
    RunTag: (RunTag.key, RunTag.value),
}


@dataclass(frozen=True)
class Selection:
    """Which keys of metrics, params and tags to read; all where it is None."""

    metrics: Sequence[str] | None = None
    params: Sequence[str] | None = None
    tags: Sequence[str] | None = None


@dataclass(frozen=True)
class LoggedRun:
    """A run with what it logged, each by key."""

    run: Run
    metrics: Sequence[Latest]
    params: Sequence[Pair]
    tags: Sequence[Pair]
    inputs: Sequence[DatasetInput] = ()
    outputs: Sequence[ModelOutput] = ()


def _statement(table: Any, runs: Any, **more: Any) -> str:
    query = table.select(table.run, *_COLUMNS[table]).where(table.run.in_(runs))
    for column, values in more.items():
        query = query.where(getattr(table, column).in_(values))
    return written(query.order_by(table.run, table.key))


_OF_RUNS = {table: _statement(table, LISTED) for table in _COLUMNS}
_OF_RUNS_AND_KEYS = {table: _statement(table, LISTED, key=LISTED) for table in _COLUMNS}
# A row that reads as a `Run` does.
_RunRow = namedtuple("_RunRow", [field.column_name for field in Run._meta.sorted_fields])  # type: ignore[misc]
_SELECT_RUNS = written(Run.select().where(Run.id.in_(LISTED)))


def with_data(run: Run) -> LoggedRun:
    """Return a run with all that it logged."""
    return next(_with_data([run], Selection()))


def read(runs: Sequence[int], selection: Selection) -> Iterator[LoggedRun]:
    """Yield the runs of these internal ids, in this order, with what of theirs is selected."""
    start, count = 0, _FIRST_RUNS
    while start < len(runs):
        ids = list(runs[start : start + count])
        start, count = start + count, min(2 * count, _RUNS)
        rows: Iterator[Any] = map(_RunRow._make, database.execute_sql(_SELECT_RUNS, (listed(ids),)))
        found = {row.id: row for row in rows}
        yield from _with_data([found[run] for run in ids], selection)


def _with_data(runs: Sequence[Run], selection: Selection) -> Iterator[LoggedRun]:
    ids = [run.id for run in runs]
    metrics = _rows(Series, ids, selection.metrics)
    params = _rows(Param, ids, selection.params)
    tags = _rows(RunTag, ids, selection.tags)
    inputs = inputs_of(ids)
    outputs = outputs_of(ids)
    for run in runs:
        yield LoggedRun(
            run,
            _numbers(metrics[run.id]),
            params[run.id],
            tags[run.id],
            inputs.get(run.id, ()),
            outputs.get(run.id, ()),
        )


def _rows(table: Any, runs: list[int], keys: Sequence[str] | None) -> dict[int, list[Any]]:
    rows: dict[int, list[Any]] = {run: [] for run in runs}
    if keys is None:
        found = database.execute_sql(_OF_RUNS[table], (listed(runs),))
    else:
        values = (listed(runs), listed(keys))
        found = database.execute_sql(_OF_RUNS_AND_KEYS[table], values)
    for row in found:
        rows[row[0]].append(row[1:])
    return rows


def _numbers(metrics: list[Any]) -> list[Latest]:
    """Return the rows with NaN as the number that it stands for."""
    if NAN in [row[1] for row in metrics]:
        return [(key, float(value), *point) for key, value, *point in metrics]
    return metrics
