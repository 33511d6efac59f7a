"""Whether metrics meet the conditions of rules, on the writer's thread.

A rule tells when its condition begins to hold for a metric of a run. What it has told is in the
database, in the row of its state, which is read once for each commit: so a restart tells nothing
again, nor does another server to which the run goes on to log.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
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

#: Metrics of one run of which a rule for any metric tells: those that are NaN first.
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


class _Points:
    """The points of a batch by metric, found once for all rules."""

    def __init__(self, batch: Batch) -> None:
        self.run_id = batch.run_id
        self._batch = batch
        self._ends = np.cumsum(batch.counts)
        self._numbers = {key: number for number, key in enumerate(batch.keys)}

    def __contains__(self, key: str) -> bool:
        return key in self._numbers

    def columns(self, key: str) -> _Columns:
        number, batch = self._numbers[key], self._batch
        end = int(self._ends[number])
        these = slice(end - batch.counts[number], end)
        return _Columns(batch.step[these], batch.timestamp[these], batch.value[these])

    @cached_property
    def nan_keys(self) -> list[str]:
        """The metrics that are NaN somewhere."""
        where = np.flatnonzero(np.isnan(self._batch.value))
        numbers = np.unique(np.searchsorted(self._ends, where, side="right"))
        return [self._batch.keys[number] for number in numbers.tolist()]


_States = dict[tuple[int, str], dict[str, _State]]


def judge(batches: Sequence[tuple[Rule, Batch]]) -> bool:
    """Tell of the points of batches that meet the conditions of rules for metrics.

    Returns:
        False, if a rule does not judge as it does in memory.
    """
    points: dict[int, _Points] = {}
    found = []
    for rule, batch in batches:
        of = points.get(id(batch)) or _Points(batch)
        points[id(batch)] = of
        if not rule.condition.metric_key or rule.condition.metric_key in of:
            found.append((rule, of))
    if not found:
        return True
    states: _States = defaultdict(dict)
    for rule, run_id, key, holds, *told in _STATES.rows(array_of({of.run_id for _, of in found})):
        states[rule, run_id][key] = _State(bool(holds), *told)
    runs: dict[str, Run] = {}
    is_current = True
    for rule, of in found:
        known = states[rule.id, of.run_id]
        for key in _keys(rule.condition, of, known):
            is_current &= _judge_metric(rule, of, key, known, runs)
    return is_current


def _keys(condition: Condition, points: _Points, known: Mapping[str, _State]) -> Iterator[str]:
    """Yield the metrics of a batch that may change what a rule knows of a run."""
    if condition.metric_key:
        yield condition.metric_key
        return
    yield from [key for key in known if key in points]
    for key in points.nan_keys:
        if len(known) >= MAX_METRICS:
            return
        if key not in known:
            yield key


def _judge_metric(
    rule: Rule, points: _Points, key: str, known: dict[str, _State], runs: dict[str, Run]
) -> bool:
    """Tell of a metric, if its condition begins to hold, and save that.

    Args:
        rule: the rule.
        points: those of a batch.
        key: the metric.
        known: what the rule knows of the metrics of the run.
        runs: those that were read, by their ids.

    Returns:
        False, if the rule does not judge as it does in memory.
    """
    columns, old = points.columns(key), known.get(key)
    hits = _meets(rule.condition, columns.value)
    if old is None and not hits.any():
        return True
    state = old or _State()
    first = _first_to_tell(state, columns, hits)
    run = runs.get(points.run_id)
    if first is None:
        new = state._replace(holds=state.holds and bool(hits.all()))
    else:
        run = runs[points.run_id] = run or Run.get(Run.uuid == points.run_id)
        point = Point(key, int(columns.step[first]), float(columns.value[first]))
        if not tell(rule, run, _sentence(rule.condition, point), point):
            return False
        new = _State(bool(hits[first:].all()), now(), point.step, int(columns.timestamp[first]))
    if new != state:
        run = runs[points.run_id] = run or Run.get(Run.uuid == points.run_id)
        _SAVE.run(rule.id, run.id, key, *new)
        known[key] = new
    return True


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
    if abs(now() - state.time) < MIN_PAUSE:  # the clock may have been set back since
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
