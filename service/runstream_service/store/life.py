"""Which runs gave a sign of life, and when; those that give none any more are lost.

A run is expected to give signs from its first one on, while it is RUNNING; what is logged to it is
a sign as well. A lost run is FAILED and has a tag that says so. It is RUNNING again with its next
sign, and no longer lost once anybody says what its status is.
"""

from __future__ import annotations

from datetime import datetime, timezone

from runstream_service.store import changes
from runstream_service.store.experiments import now
from runstream_service.store.models import Run, RunTag, database
from runstream_service.store.run_state import FAILED, RUNNING, RunState, run_state
from runstream_service.store.run_tags import set_tags
from runstream_service.store.statement import written

#: The tag of a lost run.
LOST_TAG = "runstream.lost"

_SIGNED = written(Run.update({Run.last_sign: 0}).where(Run.id == 0))
# In the order of the model's fields, which is Peewee's.
_TURNED = written(Run.update({Run.status: 0, Run.end_time: 0, Run.last_sign: 0}).where(Run.id == 0))
_DELETE_TAG = written(RunTag.delete().where((RunTag.run == 0) & (RunTag.key == "")))


class Life:
    """The signs of life of all runs, on the writer's thread alone.

    A sign is kept in memory, and in the database as often as it takes to know it to a quarter of
    the time after which a run is lost.
    """

    def __init__(self, lost_after: float) -> None:
        """Begin without signs.

        Args:
            lost_after: seconds without a sign after which a run is lost; 0 for never.
        """
        self._lost_after = round(1000 * lost_after)
        self._signs: dict[int, int] = {}  # when, by run
        self._written: dict[int, int] = {}

    def forget(self) -> None:
        """Write every sign again: what was written has not been committed."""
        self._written.clear()

    def sign(self, run_id: str) -> None:
        """Take a sign of life of a run.

        Raises:
            NotFound, FailedPrecondition: as `active_run`.
        """
        self.seen(run_state(run_id))

    def seen(self, run: RunState) -> None:
        """Take what was logged to a run as a sign of life."""
        at = now()
        if run.status == FAILED and run.last_sign is not None:
            if _delete_tag(run.id):
                database.execute_sql(_TURNED, (RUNNING, None, at, run.id))
                changes.runs_changed([run.id], deleted_tags=(LOST_TAG,))
        elif run.status == RUNNING and self._lost_after:
            self._signs[run.id] = at
            if at - self._written.get(run.id, 0) >= self._lost_after / 4:
                self._written[run.id] = at
                database.execute_sql(_SIGNED, (at, run.id))

    def mark_lost(self) -> list[str]:
        """Make runs FAILED that gave no sign for too long, and return their ids."""
        latest = now() - self._lost_after
        lost = []
        silent = (Run.status == RUNNING) & (Run.last_sign < latest) & ~Run.deleted
        for run in list(Run.select().where(silent)):
            last_sign = max(run.last_sign or 0, self._signs.get(run.id, 0))
            if last_sign < latest:
                _mark_lost(run.id, last_sign)
                lost.append(run.uuid)
        self._signs = {run: at for run, at in self._signs.items() if at >= latest}
        self._written = {run: at for run, at in self._written.items() if run in self._signs}
        return lost


def told(run: Run, status: int) -> None:
    """Prepare an active run for a status that somebody gives it: it is not lost any more."""
    if run.last_sign is not None:
        if run.status == FAILED and _delete_tag(run.id):
            changes.tag_deleted(run.uuid, run.experiment_id, LOST_TAG)
        if status == RUNNING:
            run.last_sign = now()


def _mark_lost(run: int, last_sign: int) -> None:
    at = datetime.fromtimestamp(last_sign / 1000, timezone.utc)
    tag = (LOST_TAG, f"The last sign of life came at {at:%Y-%m-%d %H:%M:%S} UTC.")
    database.execute_sql(_TURNED, (FAILED, last_sign, last_sign, run))
    set_tags(run, [tag])
    changes.runs_changed([run], tags=[tag])


def _delete_tag(run: int) -> bool:
    return bool(database.execute_sql(_DELETE_TAG, (run, LOST_TAG)).rowcount)
