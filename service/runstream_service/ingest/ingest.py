"""Appending batches: the hot path of the writer.

Params and tags are written at once, points when the transaction ends (points/append.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from runstream.errors import InvalidArgument
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import KnownRoles
from runstream_service.catalog import console, logged_models, model_metrics, stored_bytes
from runstream_service.catalog.run_state import state_for_write
from runstream_service.catalog.run_tags import effective_tags, set_tags
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.batch import Batch
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import ANY_TEXTS, MultiRowInsert, Statement, array_of
from runstream_service.engine.tables import Param
from runstream_service.live.heartbeats import Heartbeats
from runstream_service.points.append import PointAppender

_PARAMS = MultiRowInsert([Param.run, Param.key, Param.value, Param.number])
_SELECT_PARAMS = Statement(
    Param.select(Param.key, Param.value).where((Param.run == 0) & Param.key.in_(ANY_TEXTS))
)

# Params that are looked up by one statement. Their values may be 256 KiB each.
_PARAMS_AT_ONCE = 100


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
        self._roles.clear()

    def flush(self) -> None:
        """Write the buffered points, the changed summaries, and what users store."""
        self._points.flush()
        stored_bytes.flush()
        self._roles.clear()

    def apply(self, caller: Caller, batch: Batch) -> None:
        """Apply a checked batch whole, or raise before anything of it is buffered.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: as `active_run`, and as `measured_ids`
                for the models that it measures.
            InvalidArgument: a param has another value already (P1).
            DataLoss: points that are late cannot be compared with those that are stored.
        """
        state = state_for_write(caller, batch.run_id, self._roles.role_on)
        run = state.id
        measured = {point.model_id for point in batch.model_points}
        models = logged_models.measured_ids(caller, measured)
        new = self._points.find_new(run, batch, state.appended_by) if batch.keys else None
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
        if new is not None:
            self._points.append(new)


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
