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
#: What all points of a metric say: key, count, least value, greatest value.
Summary = tuple[str, int, float | None, float | None]

# Runs that are read by the first statements for a page, and at most by one. A page may end at its
# size long before its number of runs: what is read and not used is about as much as what is.
_FIRST_RUNS = 50
_RUNS = 500


@dataclass(frozen=True)
class Selection:
    """Which keys of metrics, params and tags to read; all where it is None.

    Attributes:
        summaries: whether to read summaries of these metrics, too.
    """

    metrics: Sequence[str] | None = None
    params: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    summaries: bool = False


@dataclass(frozen=True)
class LoggedRun:
    """A run with what it logged, each by key."""

    run: Run
    metrics: Sequence[Latest]
    params: Sequence[Pair]
    tags: Sequence[Pair]
    inputs: Sequence[DatasetInput] = ()
    outputs: Sequence[ModelOutput] = ()
    summaries: Sequence[Summary] = ()


def _statements(table: Any, *columns: Any) -> tuple[str, str]:
    """Return the statement for all rows of runs, and the one for those of some keys."""
    query = table.select(table.run, *columns).where(table.run.in_(LISTED))
    query = query.order_by(table.run, table.key)
    return written(query), written(query.where(table.key.in_(LISTED)))


_METRICS = _statements(
    Series, Series.key, Series.last_value, Series.last_timestamp, Series.last_step
)
_PARAMS = _statements(Param, Param.key, Param.value)
_TAGS = _statements(RunTag, RunTag.key, RunTag.value)
_SUMMARIES = _statements(Series, Series.key, Series.count, Series.least, Series.greatest)
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
    metrics = _rows(_METRICS, ids, selection.metrics)
    params = _rows(_PARAMS, ids, selection.params)
    tags = _rows(_TAGS, ids, selection.tags)
    summaries = _rows(_SUMMARIES, ids, selection.metrics) if selection.summaries else {}
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
            summaries.get(run.id, ()),
        )


def _rows(
    statements: tuple[str, str], runs: list[int], keys: Sequence[str] | None
) -> dict[int, list[Any]]:
    of_runs, of_runs_and_keys = statements
    rows: dict[int, list[Any]] = {run: [] for run in runs}
    if keys is None:
        found = database.execute_sql(of_runs, (listed(runs),))
    else:
        found = database.execute_sql(of_runs_and_keys, (listed(runs), listed(keys)))
    for row in found:
        rows[row[0]].append(row[1:])
    return rows


def _numbers(metrics: list[Any]) -> list[Latest]:
    """Return the rows with NaN as the number that it stands for."""
    if NAN in [row[1] for row in metrics]:
        return [(key, float(value), *point) for key, value, *point in metrics]
    return metrics
