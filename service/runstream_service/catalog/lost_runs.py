"""Lost runs: FAILED, with a tag that says when their last heartbeat came (R8)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from runstream_service.catalog.run_resumptions import record_resumption
from runstream_service.catalog.run_tags import missing_tags, set_tags
from runstream_service.engine import changes
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run, RunTag

#: The tag of a lost run.
LOST_TAG = "runstream.lost"
#: What a lost run is called where its resumption is told.
LOST = "LOST"

# In the order of the model's fields, which is Peewee's. A lost run may go on, so that it gets no
# revision.
_UPDATE = Statement(
    Run.update({Run.status: 0, Run.end_time: 0, Run.last_heartbeat: 0, Run.revision: None}).where(
        Run.id == 0
    )
)
_MARK = Statement(
    Run.update({Run.status: 0, Run.end_time: 0, Run.last_heartbeat: 0}).where(
        (Run.id == 0) & (Run.status == 0) & (Run.last_heartbeat == 0) & ~Run.deleted
    )
)
_END_TIME = Statement(Run.select(Run.end_time).where(Run.id == 0))
_DELETE_TAG = Statement(RunTag.delete().where((RunTag.run == 0) & (RunTag.key == "")))


def mark_lost(run: int, last_heartbeat: int, stored: int) -> bool:
    """Make a run FAILED that has been silent since `last_heartbeat`.

    Returns:
        False if it has ended meanwhile, or another heartbeat than `stored` is in the database:
        other servers may get one, and find lost runs, too.
    """
    at = datetime.fromtimestamp(last_heartbeat / 1000, timezone.utc)
    tag = (LOST_TAG, f"The last heartbeat came at {at:%Y-%m-%d %H:%M:%S} UTC.")
    new = (RunStatus.FAILED, last_heartbeat, last_heartbeat)
    if not _MARK.run(*new, run, RunStatus.RUNNING, stored):
        return False
    set_tags(run, [tag])
    changes.record_runs([run], tags=[tag], is_ended=True)
    return True


def revive(run: int, at: int) -> bool:
    """Make a run RUNNING again that was lost and has sent a heartbeat; return whether it was."""
    if not _delete_tag(run):
        return False
    [(end_time,)] = _END_TIME.rows(run)
    tag = record_resumption(run, LOST, end_time, at)
    _UPDATE.run(RunStatus.RUNNING, None, at, None, run)
    changes.record_runs([run], tags=[tag], deleted_tags=(LOST_TAG,))
    return True


def state_name(run: Any) -> str:
    """Return the name of the status of a run that ended, or LOST."""
    is_failed = run.status == RunStatus.FAILED and run.last_heartbeat is not None
    is_lost = is_failed and not missing_tags(run.id, [LOST_TAG])
    return LOST if is_lost else RunStatus(run.status).name


def prepare_for_status(run: Run, status: int, last_heartbeat: int | None) -> int | None:
    """Prepare an active run for a status that somebody gives it: it is not lost any more.

    Args:
        run: as it is.
        status: what it becomes.
        last_heartbeat: of the run, maybe of now; None if none is expected.

    Returns:
        The last heartbeat that it has then.
    """
    if last_heartbeat is None:
        return None
    if run.status == RunStatus.FAILED and _delete_tag(run.id):
        changes.record_deleted_tags(run.uuid, run.experiment_id, [LOST_TAG])
    return now() if status == RunStatus.RUNNING else last_heartbeat


def _delete_tag(run: int) -> bool:
    return bool(_DELETE_TAG.run(run, LOST_TAG))
