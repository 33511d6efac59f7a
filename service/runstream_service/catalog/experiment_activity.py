"""The activity of experiments: their numbers of runs, and the time of the last activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from peewee import SQL, fn

from runstream.errors import InvalidArgument
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible_experiments
from runstream_service.catalog.experiments import parse_ids
from runstream_service.engine import clock
from runstream_service.engine.statements import (
    ANY_IDS,
    Statement,
    array_of,
    execute,
    greatest,
    in_ids,
)
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run

#: Days of which the runs are counted at most.
DAYS = 366

_DAY = 86_400_000

_NONE = SQL("0")
_LAST = greatest(
    Run.start_time, fn.COALESCE(Run.end_time, _NONE), fn.COALESCE(Run.last_heartbeat, _NONE)
)
_RUNNING = fn.COUNT(Run.id).filter(Run.status == RunStatus.RUNNING)
# Of a deleted experiment those count that were deleted with it.
_COUNTS = (~Run.deleted | Run.deleted_with_experiment) & ~Run.purging
_OF_EXPERIMENTS = Statement(
    Run.select(Run.experiment, fn.COUNT(Run.id), _RUNNING, fn.MAX(_LAST))
    .where(Run.experiment.in_(ANY_IDS) & _COUNTS)
    .group_by(Run.experiment)
)


class Activity(NamedTuple):
    """The activity of an experiment: that of its active runs, or of those deleted with it.

    Attributes:
        experiment: its internal id.
        runs: how many runs it has.
        running: how many of them are running.
        last: the time when a run last started, ended or sent a heartbeat.
    """

    experiment: int
    runs: int
    running: int
    last: int


def read_activities(caller: Caller, experiment_ids: Sequence[str]) -> list[Activity]:
    """Return the activity of these experiments, without those unseen or without such runs."""
    seen = visible_experiments(caller, parse_ids(experiment_ids))
    of = (RunStatus.RUNNING, array_of(seen or ()))
    return [Activity(*row) for row in _OF_EXPERIMENTS.rows(*of)]


def count_by_day(experiments: Sequence[int], days: int) -> dict[int, list[int]]:
    """Return how many runs of some experiments started on each of the last days, in UTC.

    Counted are active runs, or those that were deleted with their experiment.

    Args:
        experiments: internal ids of experiments that the caller sees.
        days: how many days, the last of which is today.

    Raises:
        InvalidArgument: the number of days is out of its range.
    """
    if not 0 <= days <= DAYS:
        raise InvalidArgument(
            f"Invalid value {days} for parameter 'days' supplied: it must be 0 to {DAYS}",
            reason="DAYS_OUT_OF_RANGE",
            field="days",
            value=days,
            limit=DAYS,
        )
    if not days:
        return {}
    begin = (clock.now() // _DAY - days + 1) * _DAY
    day = (Run.start_time - begin) / _DAY
    query = (
        Run.select(Run.experiment, day, fn.COUNT(Run.id))
        .where(Run.experiment.in_(in_ids(experiments)) & _COUNTS)
        .where((Run.start_time >= begin) & (Run.start_time < begin + days * _DAY))
        .group_by(Run.experiment, SQL("2"))
    )
    found = {experiment: [0] * days for experiment in experiments}
    for experiment, number, runs in execute(query):
        found[experiment][int(number)] = runs
    return found
