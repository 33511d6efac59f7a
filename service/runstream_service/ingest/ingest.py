"""Appending batches: the hot path of the writer.

The points of all batches of a transaction are buffered in one list and inserted together, and
the summary of a series is written once a transaction, however many batches touched it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

from peewee import EXCLUDED

from runstream.errors import InvalidArgument
from runstream_service.catalog import console, logged_models, model_metrics
from runstream_service.catalog.run_state import run_state
from runstream_service.catalog.run_tags import effective_tags, set_tags
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.batch import Batch
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import (
    VALUES,
    MultiRowInsert,
    compile_sql,
    json_array,
    run_for_each,
)
from runstream_service.engine.tables import NAN, Param, Point, Series, database
from runstream_service.ingest.summaries import Summaries, Summary
from runstream_service.live.heartbeats import Heartbeats

_POINTS = MultiRowInsert(
    [Point.series, Point.step, Point.timestamp, Point.value],
    lambda insert: insert.on_conflict_ignore(),
)
_PARAMS = MultiRowInsert([Param.run, Param.key, Param.value, Param.number])
_SELECT_PARAMS = compile_sql(
    Param.select(Param.key, Param.value).where((Param.run == 0) & Param.key.in_(VALUES))
)

# Params that are looked up by one statement. Their values may be 256 KiB each.
_PARAMS_AT_ONCE = 100

_SUMMARY = [
    Series.count,
    Series.last_step,
    Series.last_timestamp,
    Series.last_value,
    Series.min_value,
    Series.max_value,
]
_SERIES = MultiRowInsert(
    [Series.id, Series.run, Series.key, *_SUMMARY],
    lambda insert: insert.on_conflict(
        conflict_target=[Series.id],
        update={column: getattr(EXCLUDED, column.column_name) for column in _SUMMARY},
    ),
)


class Ingest:
    """Applies batches inside the transactions of the writer, on the writer's thread alone.

    `apply` buffers points and summaries, and `flush` writes them; they are committed by the
    transaction in which `flush` is called. After a rollback `reset` must be called.
    """

    def __init__(self, heartbeats: Heartbeats) -> None:
        self._heartbeats = heartbeats
        self._reset()

    def reset(self) -> None:
        """Drop all that is kept in memory after a rollback; it is read again from the database."""
        self._reset()
        self._heartbeats.reset()

    def _reset(self) -> None:
        self._points: list[Any] = []  # the columns of rows to insert, one row after the other
        self._changed: dict[int, Summary] = {}
        self._summaries = Summaries()

    def apply(self, batch: Batch) -> None:
        """Apply a checked batch whole, or raise before anything of it is buffered.

        Raises:
            NotFound, FailedPrecondition: as `active_run`; NotFound also if a model is not there.
            InvalidArgument: a param has another value already (P1).
        """
        state = run_state(batch.run_id)
        run = state.id
        models = logged_models.internal_ids({point.model_id for point in batch.model_points})
        if batch.params:
            _insert_params(batch.run_id, run, batch.params)
        if batch.tags:
            batch = replace(batch, tags=_set_tags(run, batch))
        if models:
            model_metrics.insert_points(run, batch.model_points, models)
        if batch.console:
            batch = replace(batch, console=(), console_line=console.append(run, batch.console))
        changes.record_batch(batch, state.experiment_id)
        if state.last_heartbeat is not None:
            self._heartbeats.record_run(state)
        if batch.keys:
            if self._summaries.exceed_limit:
                self.flush()
            summaries = self._summaries.of_run(run)
            if batch.is_one_row():
                self._append_row(run, summaries, batch)
                return
            for key, *columns in batch.points_by_metric():
                summary = summaries.get(key) or self._summaries.load(run, key)
                self._append(summary, *(column.tolist() for column in columns))

    def flush(self) -> None:
        """Write the buffered points and the changed summaries, and keep the cache in its limit."""
        self._write()
        self._summaries.trim()

    def _write(self) -> None:
        if self._changed:
            _SERIES.run(
                [value for summary in self._changed.values() for value in _summary_row(summary)]
            )
            self._changed.clear()
        points, self._points = self._points, []
        _POINTS.run(points)

    def _append_row(self, run: int, summaries: dict[str, Summary], batch: Batch) -> None:
        """Do what `_append` does, faster, for one point of each metric."""
        columns = (column.tolist() for column in (batch.step, batch.timestamp, batch.value))
        row = zip(batch.keys, *columns, strict=True)
        for key, step, timestamp, value in row:
            summary = summaries.get(key) or self._summaries.load(run, key)
            if summary.append_if_later(step, timestamp, value):
                self._points += (summary.id, step, timestamp, value)
                self._changed[summary.id] = summary
            else:
                self._append(summary, (step,), (timestamp,), (value,))

    def _append(
        self,
        summary: Summary,
        steps: Sequence[int],
        timestamps: Sequence[int],
        values: Sequence[float],
    ) -> None:
        stored: Sequence[float | str] = values
        total = sum(values)
        if total != total:
            stored = [NAN if value != value else value for value in values]
        columns = (steps, timestamps, stored)
        if len(set(steps)) < len(steps):
            # Identical points count once (M4), also within one batch.
            rows = dict.fromkeys(zip(*columns, strict=True))
            if len(rows) < len(steps):
                columns = tuple(zip(*rows, strict=True))
        if summary.precedes(steps, timestamps):
            self._points += _interleave(summary.id, *columns)
            summary.count += len(columns[0])
        else:
            # Some of these may be there already: only the database can tell how many.
            self._write()
            summary.count += run_for_each(_POINTS.one_row, zip(repeat(summary.id), *columns))
        summary.merge(steps, timestamps, values)
        self._changed[summary.id] = summary


def _interleave(series: int, *columns: Sequence[Any]) -> list[Any]:
    flat = [series] * (4 * len(columns[0]))
    for position, column in enumerate(columns, 1):
        flat[position::4] = column
    return flat


def _set_tags(run: int, batch: Batch) -> Sequence[tuple[str, str]]:
    """Set the tags of a batch, unless something newer was written (P3); return what was set."""
    if not applied_writes.to_run.accept(run, batch.write):
        return []
    tags = effective_tags(batch.tags)
    set_tags(run, tags)
    return tags


def _insert_params(run_id: str, run: int, params: Sequence[tuple[str, str]]) -> None:
    """Insert those params that are not there, or raise before any is inserted (P1)."""
    params = sorted(params)  # in the order of the table, which takes half the time if they are many
    values: list[Any] = []
    for first in range(0, len(params), _PARAMS_AT_ONCE):
        part = params[first : first + _PARAMS_AT_ONCE]
        known = _known_params(run, [key for key, _ in part])
        for key, value in part:
            old = known.get(key)
            if old is None:
                values += (run, key, value, parse_number(value))
            elif old != value:
                raise _immutable_error(run_id, key, old, value)
    _PARAMS.run(values)


def _known_params(run: int, keys: list[str]) -> dict[str, str]:
    """Return those of the params of a run that are there."""
    rows = database.connection().execute(_SELECT_PARAMS, (run, json_array(keys)))
    return dict(rows.fetchall())


def _immutable_error(run_id: str, key: str, old: str, value: str) -> InvalidArgument:
    return InvalidArgument(
        f"params.{key} is already {old!r}, it cannot become {value!r}",
        reason="PARAM_IMMUTABLE",
        field=f"params.{key}",
        old=old,
        new=value,
        run_id=run_id,
    )


def _summary_row(summary: Summary) -> tuple[Any, ...]:
    if summary.last is None:
        raise LookupError(f"series {summary.key} has no point to summarise")
    step, timestamp, value, nan = summary.last
    return (
        summary.id,
        summary.run,
        summary.key,
        summary.count,
        step,
        timestamp,
        NAN if nan else value,
        summary.min_value,
        summary.max_value,
    )
