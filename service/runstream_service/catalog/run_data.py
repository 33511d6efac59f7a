"""The data that runs logged, read for many runs with a few statements.

Rows are those of the driver: for a page of a thousand runs Peewee's models would take longer than
the database.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from peewee import Select, fn

from runstream.errors import ResourceExhausted
from runstream_service.catalog.datasets import read_inputs, read_model_inputs
from runstream_service.catalog.model_outputs import read_outputs
from runstream_service.engine import reading
from runstream_service.engine.budget import ANSWER_BYTES, Budget, TooLargeError
from runstream_service.engine.catalog_writes import DatasetInput, ModelOutput
from runstream_service.engine.statements import ANY_IDS, ANY_TEXTS, Statement, array_of
from runstream_service.engine.tables import (
    NAN,
    Input,
    ModelInput,
    Output,
    Param,
    Run,
    RunTag,
    Series,
)

#: The latest point of a metric: key, value, timestamp, step.
Latest = tuple[str, float, int, int]
Pair = tuple[str, str]
#: The summary of a metric: key, count, minimum and maximum value.
Summary = tuple[str, int, float | None, float | None]

# Runs that the first statements for a page read, and the most that one statement reads. A page may
# reach its size long before its number of runs, so the number doubles with each statement.
_FIRST_RUNS = 50
_RUNS = 500

# The data of a run up to so many bytes is read in a few milliseconds.
_SMALL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Selection:
    """The keys of metrics, params and tags to read; None stands for all keys.

    Attributes:
        summaries: whether to read summaries of these metrics, too.
    """

    metrics: Sequence[str] | None = None
    params: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    summaries: bool = False


class LoggedRun(NamedTuple):
    """A run with what it logged, each by key."""

    run: Run
    metrics: Sequence[Latest]
    params: Sequence[Pair]
    tags: Sequence[Pair]
    inputs: Sequence[DatasetInput] = ()
    model_inputs: Sequence[str] = ()
    outputs: Sequence[ModelOutput] = ()
    summaries: Sequence[Summary] = ()


def _statements(table: Any, *columns: Any) -> tuple[Statement, Statement]:
    """Return the statement for all rows of runs, and the statement for the rows of some keys."""
    query = table.select(table.run, *columns).where(table.run.in_(ANY_IDS))
    query = query.order_by(table.run, table.key)
    return Statement(query), Statement(query.where(table.key.in_(ANY_TEXTS)))


_METRICS = _statements(
    Series, Series.key, Series.last_value, Series.last_timestamp, Series.last_step
)
_PARAMS = _statements(Param, Param.key, Param.value)
_TAGS = _statements(RunTag, RunTag.key, RunTag.value)
_SUMMARIES = _statements(Series, Series.key, Series.count, Series.min_value, Series.max_value)
# Most runs have neither inputs nor outputs, which one statement finds out: for a single run each
# statement is a round trip, and no other work.
_HAS_LINKS = Statement(
    Select(
        columns=[
            fn.EXISTS(table.select(table.run).where(table.run.in_(ANY_IDS)))
            for table in (Input, ModelInput, Output)
        ]
    )
)
# Counting the rows of a run that is too large is ten times as fast as reading them.
_COUNTS = [
    Statement(table.select(fn.COUNT(table.run)).where(table.run == 0))
    for table in (Series, Param, RunTag)
]
#: A row with the attributes of a `Run`; Peewee takes five times as long to make a `Run`.
RunRow = namedtuple("RunRow", [field.column_name for field in Run._meta.sorted_fields])  # type: ignore[misc]
_SELECT_RUNS = Statement(Run.select().where(Run.id.in_(ANY_IDS)))


def with_data(run: Run) -> LoggedRun:
    """Return a run with all that it logged.

    Raises:
        ResourceExhausted: that is more than an answer can hold.
    """
    try:
        Budget().charge_count(sum(n for count in _COUNTS for n in count.first(run.id) or ()))
        return _with_data([run], Selection(), ANSWER_BYTES)[0]
    except TooLargeError:
        raise _too_large_error(run.uuid) from None


def with_data_if_small(run: Run) -> LoggedRun | None:
    """Return a run with all that it logged, or None if that takes more than some milliseconds."""
    try:
        return _with_data([run], Selection(), _SMALL_BYTES)[0]
    except TooLargeError:
        return None


def read_rows(runs: Sequence[int]) -> Iterator[list[Run]]:
    """Yield the rows of the runs of these internal ids, in this order, some at a time."""
    for start in range(0, len(runs), _RUNS):
        reading.check()
        ids = runs[start : start + _RUNS]
        rows: Iterator[Any] = map(RunRow._make, _SELECT_RUNS.rows(array_of(ids)))
        found = {row.id: row for row in rows}
        yield [found[run] for run in ids]


def read(runs: Sequence[Run], selection: Selection) -> Iterator[LoggedRun]:
    """Yield runs, in this order, with the selected data.

    Raises:
        ResourceExhausted: what is selected of one run is too large.
    """
    start, count = 0, _FIRST_RUNS
    while start < len(runs):
        reading.check()
        try:
            logged = _with_data(runs[start : start + count], selection, ANSWER_BYTES)
        except TooLargeError:
            if count == 1:
                raise _too_large_error(runs[start].uuid) from None
            count = max(1, count // 10)
            continue
        start, count = start + count, min(2 * count, _RUNS)
        yield from logged


def _too_large_error(run_id: str) -> ResourceExhausted:
    return ResourceExhausted(
        f"Run {run_id} logged more than an answer can hold, which is {ANSWER_BYTES} bytes: "
        "SearchRuns returns it with the metric_keys, param_keys and tag_keys that are asked for, "
        "and ReadMetricHistory its points",
        reason="RUN_TOO_LARGE",
        field="run_id",
        value=run_id,
        limit=ANSWER_BYTES,
    )


def _with_data(runs: Sequence[Run], selection: Selection, limit: int) -> list[LoggedRun]:
    budget = Budget(limit)
    ids = array_of(run.id for run in runs)
    metrics = _rows(_METRICS, ids, selection.metrics, budget, 1)
    params = _rows(_PARAMS, ids, selection.params, budget, 1, 2)
    tags = _rows(_TAGS, ids, selection.tags, budget, 1, 2)
    summaries = _rows(_SUMMARIES, ids, selection.metrics, budget, 1) if selection.summaries else {}
    has_inputs, has_models, has_outputs = _HAS_LINKS.first(ids, ids, ids) or (True, True, True)
    inputs = read_inputs(ids, budget) if has_inputs else {}
    model_inputs = read_model_inputs(ids, budget) if has_models else {}
    outputs = read_outputs(ids, budget) if has_outputs else {}
    return [
        LoggedRun(
            run,
            _numbers(metrics.get(run.id, [])),
            params.get(run.id, ()),
            tags.get(run.id, ()),
            inputs.get(run.id, ()),
            model_inputs.get(run.id, ()),
            outputs.get(run.id, ()),
            summaries.get(run.id, ()),
        )
        for run in runs
    ]


def _rows(
    statements: tuple[Statement, Statement],
    runs: Any,
    keys: Sequence[str] | None,
    budget: Budget,
    *texts: int,
) -> dict[int, list[Any]]:
    """Return the rows by run, without the column that names the run."""
    of_runs, of_runs_and_keys = statements
    found = of_runs.stream(runs) if keys is None else of_runs_and_keys.stream(runs, array_of(keys))
    by_run = groupby(budget.fetch_all(found, *texts), itemgetter(0))
    return {run: [row[1:] for row in rows] for run, rows in by_run}


def _numbers(metrics: list[Any]) -> list[Latest]:
    """Return the rows with the text of NaN converted to the number."""
    if NAN in [row[1] for row in metrics]:
        return [(key, float(value), *point) for key, value, *point in metrics]
    return metrics
