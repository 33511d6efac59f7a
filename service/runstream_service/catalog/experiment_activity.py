"""The activity of experiments: their numbers of runs, and the time of the last activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from peewee import SQL, fn

from runstream_service.catalog.experiments import parse_ids
from runstream_service.engine.statements import VALUES, compile_sql, json_array
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run, database

# MAX of several arguments is the maximum of the values of one row.
_NONE = SQL("0")
_LAST = fn.MAX(
    Run.start_time, fn.COALESCE(Run.end_time, _NONE), fn.COALESCE(Run.last_heartbeat, _NONE)
)
_RUNNING = fn.SUM(Run.status == RunStatus.RUNNING)
_OF_EXPERIMENTS = compile_sql(
    Run.select(Run.experiment, fn.COUNT(Run.id), _RUNNING, fn.MAX(_LAST))
    .where(Run.experiment.in_(VALUES) & ~Run.deleted & ~Run.purging)
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


def read_activities(experiment_ids: Sequence[str]) -> list[Activity]:
    """Return the activity of those of these experiments that have active runs."""
    of = (RunStatus.RUNNING, json_array(parse_ids(experiment_ids)))
    return [Activity(*row) for row in database.execute_sql(_OF_EXPERIMENTS, of)]
