"""Appending batches: the hot path of the writer.

Params and tags are written at once, points when the transaction ends (points/append.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from runstream.errors import InvalidArgument
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import KnownRoles
from runstream_service.catalog import (
    alerts,
    batch_runs,
    console,
    experiments,
    logged_models,
    model_metrics,
    run_rows,
    stored_bytes,
)
from runstream_service.catalog.batch_runs import CheckedRun
from runstream_service.catalog.datasets import insert_inputs
from runstream_service.catalog.experiments import ActiveExperiment
from runstream_service.catalog.model_outputs import insert_outputs
from runstream_service.catalog.run_state import renew_revision, state_for_write, state_of
from runstream_service.catalog.run_tags import effective_tags, set_tags
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.batch import Batch
from runstream_service.engine.catalog_writes import CatalogWrites
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import ANY_TEXTS, MultiRowInsert, Statement, array_of
from runstream_service.engine.tables import Param
from runstream_service.live.heartbeats import Heartbeats
from runstream_service.points.append import NewPoints, PointAppender

_PARAMS = MultiRowInsert([Param.run, Param.key, Param.value, Param.number])
_SELECT_PARAMS = Statement(
    Param.select(Param.key, Param.value).where((Param.run == 0) & Param.key.in_(ANY_TEXTS))
)

# Params that are looked up by one statement. Their values may be 256 KiB each.
_PARAMS_AT_ONCE = 100


class AppliedRun(NamedTuple):
    """The run of a batch that starts or updates it.

    Attributes:
        row: the run as it is then.
        is_new: whether the batch has created it.
        new_experiment: the name of the experiment that it has created, too; "" if it has not.
    """

    row: Any
    is_new: bool
    new_experiment: str


class Ingest:
    """Applies batches inside the transactions of the writer, on the writer's thread alone.

    `flush` writes what `apply` buffers; it is committed by the transaction in which `flush` is
    called. After a rollback `reset` must be called.
    """

    def __init__(self, heartbeats: Heartbeats, points: PointAppender) -> None:
        self._heartbeats = heartbeats
        self._points = points
        self._roles = KnownRoles()

    @property
    def is_behind(self) -> bool:
        """Whether those who log should wait until points are sealed; read on the event loop."""
        return self._points.is_behind

    def reset(self) -> None:
        """Drop all that is kept in memory after a rollback; it is read again from the database."""
        self._points.reset()
        self._heartbeats.reset()
        stored_bytes.reset()
        experiments.forget_kept()
        self._roles.clear()

    def flush(self) -> None:
        """Write the buffered points, the changed summaries, and what users store."""
        self._points.flush()
        stored_bytes.flush()
        experiments.forget_kept()
        self._roles.clear()

    def apply(self, caller: Caller, batch: Batch) -> AppliedRun | None:
        """Apply a checked batch whole, or raise before anything of it is buffered or written.

        Returns:
            The run, if the batch starts or updates it; else None.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: as `active_run`, and as `measured_ids`
                for the models that it measures.
            InvalidArgument: a param has another value already (P1).
            DataLoss: points that are late cannot be compared with those that are stored.
            RunstreamError: also as `batch_runs.check`, if the batch says more of the run.
        """
        if batch.catalog is not None:
            return self._apply_with_catalog(caller, batch, batch.catalog)
        state = state_for_write(caller, batch.run_id, self._roles.role_on)
        run = state.id
        models = _measured_models(caller, batch)
        points = self._points.find_new(run, batch, state.appended_by) if batch.keys else None
        if batch.params:
            _PARAMS.run(_new_params(batch.run_id, run, batch.params))
        tags = _set_tags(run, batch) if batch.tags else ()
        _write_rest(state, batch, tags, models)
        if state.last_heartbeat is not None:
            self._heartbeats.record_run(state)
        if points is not None:
            self._points.append(points)
        return None

    def _apply_with_catalog(
        self, caller: Caller, batch: Batch, writes: CatalogWrites
    ) -> AppliedRun | None:
        checked = batch_runs.check(caller, batch, writes, self._roles.role_on)
        models = _measured_models(caller, batch)
        if checked.row is None:
            row = self._create(caller, batch, writes, checked.experiment, models)
        else:
            row = self._write_to_stored(caller, batch, writes, checked, models)
        if writes.start is None:
            return AppliedRun(row, False, "") if writes.update else None
        is_new = checked.row is None
        is_in_new = is_new and checked.experiment is None
        return AppliedRun(row, is_new, writes.start.experiment_name if is_in_new else "")

    def _create(
        self,
        caller: Caller,
        batch: Batch,
        writes: CatalogWrites,
        experiment: ActiveExperiment | None,
        models: Mapping[str, int],
    ) -> Any:
        """Create the run of a batch with all that the batch says, and return its row.

        Nothing can refuse it: the run has nothing yet that could contradict the batch.
        """
        row = batch_runs.create(caller, batch, writes, experiment)
        self._heartbeats.record_start(row.id, row.last_heartbeat)
        if batch.params:
            _PARAMS.run(_rows_of_params(row.id, batch.params))
        self._points.start_run(row.id)
        points = self._points.find_new(row.id, batch) if batch.keys else None
        _write_rest(row, batch, (), models)
        return self._write_last(caller, batch, row, points, writes)

    def _write_to_stored(
        self,
        caller: Caller,
        batch: Batch,
        writes: CatalogWrites,
        checked: CheckedRun,
        models: Mapping[str, int],
    ) -> Any:
        """Write to a run that is there, or raise before anything is written; return its row."""
        row = checked.row
        points = self._points.find_new(row.id, batch, row.appended_by) if batch.keys else None
        params = _new_params(batch.run_id, row.id, batch.params)
        # From here on nothing is refused.
        _PARAMS.run(params)
        if checked.is_applied:
            renew_revision(row.id, row.revision)
            _write_rest(row, batch, (), models)
            return self._write_last(caller, batch, row, points, CatalogWrites())
        row, tags = batch_runs.write_ordered(row, batch, writes, checked.deleted_tags)
        is_ended = writes.update is not None and writes.update.status
        if (
            row.last_heartbeat is not None
            and not is_ended
            and self._heartbeats.record_run(state_of(row))
        ):
            row = run_rows.lock(row.uuid)  # it was lost, and goes on
        _write_rest(row, batch, tags, models)
        return self._write_last(caller, batch, row, points, writes)

    def _write_last(
        self,
        caller: Caller,
        batch: Batch,
        row: Any,
        points: NewPoints | None,
        writes: CatalogWrites,
    ) -> Any:
        """Write what follows all else of a batch, and return the row of the run."""
        if points is not None:
            self._points.append(points)
        insert_inputs(row.id, row.experiment_id, writes.datasets, writes.model_inputs)
        insert_outputs(row.id, writes.model_outputs)
        for number, alert in enumerate(writes.alerts):
            alerts.raise_once(caller, row.experiment_id, row.id, alert, batch.write, number)
        return row if writes.update is None else run_rows.update(row, writes.update)


def _measured_models(caller: Caller, batch: Batch) -> dict[str, int]:
    return logged_models.measured_ids(caller, {point.model_id for point in batch.model_points})


def _write_rest(
    run: Any, batch: Batch, tags: Sequence[tuple[str, str]], models: Mapping[str, int]
) -> None:
    """Write what a batch has besides params, tags and points, and record the whole.

    Args:
        run: the row of the run, or its state.
        batch: the batch.
        tags: those of its tags that were set, and are not recorded yet.
        models: the internal ids of those that it measures.
    """
    if models:
        model_metrics.insert_points(run.id, batch.model_points, models)
    line = console.append(run.id, batch.console) if batch.console else 0
    changes.record_batch(batch, run.experiment_id, tags, line)


def _set_tags(run: int, batch: Batch) -> Sequence[tuple[str, str]]:
    """Set the tags of a batch, unless something newer was written (P3); return what was set."""
    if not applied_writes.to_run.accept(run, batch.write):
        return []
    tags = effective_tags(batch.tags)
    set_tags(run, tags)
    return tags


def _new_params(run_id: str, run: int, params: Sequence[tuple[str, str]]) -> list[Any]:
    """Return the rows of those params that are not there, or raise (P1)."""
    params = sorted(params)  # in the order of the table, which takes half the time if they are many
    new = []
    for first in range(0, len(params), _PARAMS_AT_ONCE):
        part = params[first : first + _PARAMS_AT_ONCE]
        known = _known_params(run, [key for key, _ in part])
        for key, value in part:
            old = known.get(key)
            if old is None:
                new.append((key, value))
            elif old != value:
                raise _immutable_error(run_id, key, old, value)
    return _rows_of_params(run, new)


def _rows_of_params(run: int, params: Iterable[tuple[str, str]]) -> list[Any]:
    """Return the values of the rows of params, one after the other."""
    values: list[Any] = []
    for key, value in params:
        values += (run, key, value, parse_number(value))
    return values


def _known_params(run: int, keys: list[str]) -> dict[str, str]:
    """Return those of the params of a run that are there."""
    return dict(map(tuple, _SELECT_PARAMS.rows(run, array_of(keys))))


def _immutable_error(run_id: str, key: str, old: str, value: str) -> InvalidArgument:
    return InvalidArgument(
        f"params.{key} is already {old!r}, it cannot become {value!r}",
        reason="PARAM_IMMUTABLE",
        field=f"params.{key}",
        old=old,
        new=value,
        run_id=run_id,
    )
