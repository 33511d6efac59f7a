"""Which runs gave a sign of life, and when; those that give none any more are lost.

A run is expected to give signs from its first one on, while it is RUNNING; what is logged to it is
a sign as well. A lost run is FAILED and has a tag that says so. It is RUNNING again with its next
sign, and no longer lost once anybody says what its status is.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from runstream_service.catalog.lost_runs import mark_lost, revive
from runstream_service.catalog.run_state import FAILED, RUNNING, RunState, run_state
from runstream_service.engine.clock import now
from runstream_service.engine.models import Run, database
from runstream_service.engine.statements import compile_sql

_SIGNED = compile_sql(Run.update({Run.last_sign: 0}).where(Run.id == 0))


class _Sign(NamedTuple):
    """A sign of life.

    Attributes:
        moment: when it came, in milliseconds of the monotonic clock.
        at: the same, since the epoch.
    """

    moment: float
    at: int


class Heartbeats:
    """The signs of life of all runs, on the writer's thread alone.

    A sign is kept in memory, and in the database as often as it takes to know it to a quarter of
    the time after which a run is lost. How long a run has been silent is measured by the monotonic
    clock, so that a clock that is set neither ends live runs nor keeps lost ones. Only what came
    before the server was started is judged by the time in the database.
    """

    def __init__(self, lost_after: float) -> None:
        """Begin without signs.

        Args:
            lost_after: seconds without a sign after which a run is lost; 0 for never.
        """
        self._lost_after = round(1000 * lost_after)
        self._signs: dict[int, _Sign] = {}  # the last one, by run
        self._written: dict[int, float] = {}  # the moment of the one in the database
        self._looked = -math.inf  # the moment of the last look for lost runs

    def reset(self) -> None:
        """Write every sign again: what was written has not been committed."""
        self._written.clear()

    def record(self, run_id: str) -> None:
        """Take a sign of life of a run.

        Raises:
            NotFound, FailedPrecondition: as `active_run`.
        """
        self.record_run(run_state(run_id))

    def record_run(self, run: RunState) -> None:
        """Take what was logged to a run as a sign of life."""
        at, moment = now(), _moment()
        if run.status == FAILED and run.last_sign is not None:
            if revive(run.id, at):
                self._signs[run.id] = _Sign(moment, at)
        elif run.status == RUNNING and self._lost_after:
            self._signs[run.id] = _Sign(moment, at)
            if moment - self._written.get(run.id, -math.inf) >= self._lost_after / 4:
                self._written[run.id] = moment
                database.execute_sql(_SIGNED, (at, run.id))

    def mark_lost_runs(self) -> list[str]:
        """Make runs FAILED that gave no sign for too long, and return their ids."""
        lost, signs, moment = [], {}, _moment()
        expected = (Run.status == RUNNING) & Run.last_sign.is_null(False) & ~Run.deleted
        query = Run.select(Run.id, Run.uuid, Run.last_sign).where(expected)
        for run, run_id, last_sign in database.execute(query):
            sign = self._signs.get(run) or self._first_known(last_sign, moment)
            if sign.moment < moment - self._lost_after:
                lost.append((run, run_id, sign.at))
            else:
                signs[run] = sign
        for run, _, at in lost:
            mark_lost(run, at)
        self._signs, self._looked = signs, moment
        self._written = {run: at for run, at in self._written.items() if run in signs}
        return [run_id for _, run_id, _ in lost]

    def _first_known(self, last_sign: int, moment: float) -> _Sign:
        """Return the sign of a run that has come up since the last look, or was there at start."""
        silent = min(max(0, now() - last_sign), moment - self._looked)
        return _Sign(moment - silent, last_sign)


def _moment() -> float:
    return time.monotonic() * 1000
