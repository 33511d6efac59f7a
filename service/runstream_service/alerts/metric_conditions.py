"""Whether metrics meet the conditions of rules, on the writer's thread.

A rule tells when its condition begins to hold for a metric of a run. What it has told is in the
database, in the row of its state, which is read once for each commit: so a restart tells nothing
again, nor does another server to which the run goes on to log.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstream_service.alerts.findings import Point, tell
from runstream_service.alerts.rule_book import Rule
from runstream_service.catalog.alert_rules import Condition, ConditionKind
from runstream_service.engine.batch import Batch
from runstream_service.engine.clock import now
from runstream_service.engine.statements import ANY_TEXTS, Statement, array_of
from runstream_service.engine.tables import AlertState, Run

#: Milliseconds between two alerts of a rule about one metric of a run, at least.
MIN_PAUSE = 60_000

#: Metrics of which a rule for any metric tells, of one run in one commit.
MAX_METRICS = 10

_STATES = Statement(
    AlertState.select(
        AlertState.rule,
        Run.uuid,
        AlertState.metric_key,
        AlertState.holds,
        AlertState.time,
        AlertState.step,
        AlertState.timestamp,
    )
    .join(Run)
    .where(Run.uuid.in_(ANY_TEXTS))
)
_SAVE = Statement(
    AlertState.insert(
        {
            AlertState.rule: 0,
            AlertState.run: 0,
            AlertState.metric_key: "",
            AlertState.holds: False,
            AlertState.time: 0,
            AlertState.step: 0,
            AlertState.timestamp: 0,
        }
    ).on_conflict(
        conflict_target=[AlertState.rule, AlertState.run, AlertState.metric_key],
        preserve=[AlertState.holds, AlertState.time, AlertState.step, AlertState.timestamp],
    )
)


class _Key(NamedTuple):
    rule: int
    run_id: str
    metric_key: str


class _State(NamedTuple):
    """Whether a condition holds, when that was told last, and of which point."""

    holds: bool = False
    time: int = 0
    step: int = 0
    timestamp: int = -1


class _Columns(NamedTuple):
    step: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]


def judge(batches: Sequence[tuple[Rule, Batch]]) -> bool:
    """Tell of the points of batches that meet the conditions of rules for metrics.

    Returns:
        False, if a rule is not as it is in memory.
    """
    found = [
        (rule, batch.run_id, key, columns, hits)
        for rule, batch in batches
        for key, columns, hits in _hits(rule.condition, batch)
    ]
    if not found:
        return True
    run_ids = {run_id for _, run_id, *_ in found}
    states = {
        _Key(*row[:3]): _State(bool(row[3]), *row[4:]) for row in _STATES.rows(array_of(run_ids))
    }
    told: dict[tuple[int, str], int] = {}
    is_current = True
    for rule, run_id, key, columns, hits in found:
        at = _Key(rule.id, run_id, key)
        state = states.get(at)
        if state is None and not hits.any():
            continue
        state = state or _State()
        first = _first_to_tell(state, columns, hits)
        is_any = not rule.condition.metric_key
        if first is None or (is_any and told.get(at[:2], 0) >= MAX_METRICS):
            new = state._replace(holds=state.holds and bool(hits.all()))
        else:
            run = Run.get(Run.uuid == run_id)
            told[at[:2]] = told.get(at[:2], 0) + 1
            point = Point(key, int(columns.step[first]), float(columns.value[first]))
            if not tell(rule, run, _sentence(rule.condition, point), point):
                is_current = False
                continue
            position = point.step, int(columns.timestamp[first])
            new = _State(bool(hits[first:].all()), now(), *position)
        if new != state:
            run = Run.get(Run.uuid == run_id)
            _SAVE.run(rule.id, run.id, key, *new)
            states[at] = new
    return is_current


def _hits(condition: Condition, batch: Batch) -> Iterator[tuple[str, _Columns, NDArray[np.bool_]]]:
    """Yield each metric that a condition is about, and which of its points meet it."""
    key = condition.metric_key
    if not key:
        for key, step, timestamp, value in batch.points_by_metric():
            columns = _Columns(step, timestamp, value)
            yield key, columns, _meets(condition, columns.value)
    elif key in batch.keys:
        number = batch.keys.index(key)
        first = sum(batch.counts[:number])
        these = slice(first, first + batch.counts[number])
        columns = _Columns(batch.step[these], batch.timestamp[these], batch.value[these])
        yield key, columns, _meets(condition, columns.value)


def _meets(condition: Condition, value: NDArray[np.float64]) -> Any:
    if condition.kind is ConditionKind.METRIC_ABOVE:
        return value > condition.bound
    if condition.kind is ConditionKind.METRIC_BELOW:
        return value < condition.bound
    return np.isnan(value)


def _first_to_tell(state: _State, columns: _Columns, hits: NDArray[np.bool_]) -> int | None:
    """Return which point is the first to tell of; None, if there is none.

    A batch may come again: what is not later than the point that was told last is not told.
    """
    if now() - state.time < MIN_PAUSE:
        return None
    start = 0
    if state.holds:
        others = np.flatnonzero(~hits)
        if not others.size:
            return None
        start = int(others[0])
    is_later = (columns.timestamp > state.timestamp) | (
        (columns.timestamp == state.timestamp) & (columns.step > state.step)
    )
    found = np.flatnonzero(hits[start:] & is_later[start:])
    return start + int(found[0]) if found.size else None


def _sentence(condition: Condition, point: Point) -> str:
    value = "NaN" if math.isnan(point.value) else f"{point.value:.6g}"
    text = f"{point.metric_key} is {value} at step {point.step}"
    if condition.kind is ConditionKind.METRIC_ABOVE:
        return f"{text}, above {condition.bound:.6g}"
    if condition.kind is ConditionKind.METRIC_BELOW:
        return f"{text}, below {condition.bound:.6g}"
    return text
