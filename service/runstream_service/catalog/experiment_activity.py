"""The activity of experiments: their numbers of runs, and the time of the last activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from peewee import SQL, fn

from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible_experiments
from runstream_service.catalog.experiments import parse_ids
from runstream_service.engine.statements import ANY_IDS, Statement, array_of, greatest
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run

_NONE = SQL("0")
_LAST = greatest(
    Run.start_time, fn.COALESCE(Run.end_time, _NONE), fn.COALESCE(Run.last_heartbeat, _NONE)
)
_RUNNING = fn.COUNT(Run.id).filter(Run.status == RunStatus.RUNNING)
_OF_EXPERIMENTS = Statement(
    Run.select(Run.experiment, fn.COUNT(Run.id), _RUNNING, fn.MAX(_LAST))
    .where(Run.experiment.in_(ANY_IDS) & ~Run.deleted & ~Run.purging)
    .group_by(Run.experiment)
)


class Activity(NamedTuple):
    """The activity of an experiment, which is that of its active runs.

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
    """Return the activity of these experiments, without those unseen or without active runs."""
    seen = visible_experiments(caller, parse_ids(experiment_ids))
    of = (RunStatus.RUNNING, array_of(seen or ()))
    return [Activity(*row) for row in _OF_EXPERIMENTS.rows(*of)]
