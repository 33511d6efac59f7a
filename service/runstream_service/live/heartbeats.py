"""The heartbeats of runs: a run that stops sending them is lost (R8).

A RUNNING run is expected to send heartbeats from its first heartbeat on; everything that is logged
to the run counts as one, too. A lost run is FAILED and has a tag that says so. The next heartbeat
makes it RUNNING again, and a status that a caller sets ends the matter.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Any, NamedTuple

from runstream.errors import RunstreamError
from runstream_service.access.caller import Caller
from runstream_service.catalog.lost_runs import mark_lost, revive
from runstream_service.catalog.run_state import RunState, read_state, state_for_write
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement, execute
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run
from runstream_service.engine.writer import Writer

log = logging.getLogger(__name__)

# Seconds in which clients can reconnect after the server was away.
_GRACE = 15.0

# Seconds between two checks for lost runs, at most.
_MAX_PAUSE = 15.0

_UPDATE = Statement(Run.update({Run.last_heartbeat: 0}).where(Run.id == 0))


class _Heartbeat(NamedTuple):
    """The time of a heartbeat by both clocks, in milliseconds.

    Attributes:
        monotonic: by the monotonic clock.
        timestamp: since the epoch.
    """

    monotonic: float
    timestamp: int


class Heartbeats:
    """The last heartbeat of each run, on the writer's thread alone.

    Each heartbeat is kept in memory. The database gets one of a run only after a quarter of
    `lost_after` has passed since the one before, which is precise enough for a restart. The
    silence of a run is measured by the monotonic clock, so that a change of the system clock
    neither ends live runs nor keeps lost ones. Only heartbeats from before the start of the server
    are judged by their timestamp in the database.
    """

    _patience = 1.0  # how many times `lost_after` a run may be silent

    def __init__(self, lost_after: float) -> None:
        """Start without heartbeats.

        Args:
            lost_after: seconds without a heartbeat after which a run is lost; 0 for never.
        """
        self._lost_after = round(1000 * lost_after)
        self._last: dict[int, _Heartbeat] = {}  # by internal id of the run
        self._stored: dict[int, float] = {}  # monotonic time of the one in the database, by run
        self._last_check = -math.inf  # monotonic time of the last `mark_lost_runs`

    def reset(self) -> None:
        """Store the next heartbeat of every run again, after a rollback."""
        self._stored.clear()

    def record(self, caller: Caller, run_id: str) -> None:
        """Record a heartbeat of a run.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: as `active_run`.
        """
        state = read_state(caller, run_id)
        if state.status == RunStatus.FAILED and state.last_heartbeat is not None:
            state = state_for_write(caller, run_id)
        self.record_run(state)

    def record_run(self, run: RunState) -> bool:
        """Record that a run sent a heartbeat, or that something was logged to it.

        Returns:
            Whether it was lost, and is RUNNING again.
        """
        heartbeat = _Heartbeat(_monotonic(), now())
        if run.status == RunStatus.FAILED and run.last_heartbeat is not None:
            if revive(run.id, heartbeat.timestamp):
                self._last[run.id] = heartbeat
                return True
        elif run.status == RunStatus.RUNNING and self._lost_after:
            self._last[run.id] = heartbeat
            stored = self._stored.get(run.id, -math.inf)
            if heartbeat.monotonic - stored >= self._lost_after / 4:
                self._stored[run.id] = heartbeat.monotonic
                _UPDATE.run(heartbeat.timestamp, run.id)
        return False

    def record_start(self, run: int, at: int | None) -> None:
        """Record the first heartbeat of a new run, which is in the database; None if none is."""
        if at is not None and self._lost_after:
            self._last[run] = _Heartbeat(_monotonic(), at)
            self._stored[run] = self._last[run].monotonic

    def mark_lost_runs(self) -> list[str]:
        """Make runs FAILED that have been silent for too long, and return their ids."""
        moment = _monotonic()
        rows = list(execute(_expected_runs()))
        last = {run: self._last_heartbeat(run, stored, moment) for run, _, stored in rows}
        limit = moment - self._lost_after * self._patience
        lost = [
            (run, run_id)
            for run, run_id, stored in rows
            if last[run].monotonic < limit and mark_lost(run, last[run].timestamp, stored)
        ]
        for run, _ in lost:
            del last[run]
        self._last, self._last_check = last, moment
        self._stored = {run: at for run, at in self._stored.items() if run in last}
        return [run_id for _, run_id in lost]

    def _last_heartbeat(self, run: int, stored: int, moment: float) -> _Heartbeat:
        """Return the last heartbeat of a run, given its timestamp in the database.

        One that is not in memory is new since the last check, or since the start.
        """
        silent = min(max(0, now() - stored), moment - self._last_check)
        return self._last.get(run) or _Heartbeat(moment - silent, stored)


class SharedHeartbeats(Heartbeats):
    """The same where runs send heartbeats to any of several servers.

    Each server looks for lost runs, and whichever finds one first marks it, so that none has to
    take over when another dies. What reached others is known by the timestamp in the database, and
    as old as it is since that was seen to change; so the clocks of servers may differ. A timestamp
    is only stored after a quarter of `lost_after`: a run is lost after so much more silence.
    """

    _patience = 1.25

    def __init__(self, lost_after: float) -> None:
        super().__init__(lost_after)
        # By run, what the last check and the one before found: the timestamp, and since when.
        self._observed: dict[int, _Heartbeat] = {}
        self._observed_before: dict[int, _Heartbeat] = {}

    def mark_lost_runs(self) -> list[str]:
        self._leave_out_absence()
        self._observed_before, self._observed = self._observed, {}
        return super().mark_lost_runs()

    def _leave_out_absence(self) -> None:
        """Do not count a time without the database, in which others may not have had it either."""
        absence = _monotonic() - self._last_check
        if self._lost_after / 2 < absence < math.inf:
            for heartbeats in (self._last, self._observed):
                for run, heartbeat in heartbeats.items():
                    later = heartbeat.monotonic + absence
                    heartbeats[run] = heartbeat._replace(monotonic=later)

    def _last_heartbeat(self, run: int, stored: int, moment: float) -> _Heartbeat:
        observed = self._observed_before.get(run)
        if observed is None or observed.timestamp != stored:
            observed = _Heartbeat(moment, stored)
        self._observed[run] = observed
        return max(observed, self._last.get(run, observed))


def _expected_runs() -> Any:
    """Return the query of the runs that are expected to send heartbeats."""
    expected = (Run.status == RunStatus.RUNNING) & Run.last_heartbeat.is_null(False) & ~Run.deleted
    return Run.select(Run.id, Run.uuid, Run.last_heartbeat).where(expected).order_by(Run.id)


async def mark_lost_runs_regularly(
    writer: Writer, heartbeats: Heartbeats, lost_after: float
) -> None:
    """Mark runs as lost that have sent no heartbeat for `lost_after` seconds, until cancelled."""
    if not lost_after:
        return
    grace = min(lost_after, _GRACE)
    pause = min(lost_after / 4, _MAX_PAUSE)
    await asyncio.sleep(grace)
    while True:
        await _mark_lost_runs(writer, heartbeats, lost_after)
        paused = time.monotonic()  # stands still while the machine sleeps
        await asyncio.sleep(pause)
        if time.monotonic() - paused > pause + grace:
            # The server process was stopped and received no heartbeats.
            await asyncio.sleep(grace)


async def _mark_lost_runs(writer: Writer, heartbeats: Heartbeats, lost_after: float) -> None:
    try:
        lost = await writer.submit(heartbeats.mark_lost_runs)
    except RunstreamError:  # the writer has logged it
        return
    if lost:
        ids = ", ".join(lost[:10]) + (", ..." if len(lost) > 10 else "")
        log.info("%d runs sent no heartbeat for %g s: %s", len(lost), lost_after, ids)


def _monotonic() -> float:
    return time.monotonic() * 1000
