"""Setting and deleting tags of many runs at once, on the writer's thread (P7)."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.contract.run_names import NAME_TAG
from runstream.errors import ResourceExhausted
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import KnownRoles
from runstream_service.catalog.run_state import check_writable, not_found_error, renewed_revision
from runstream_service.catalog.run_tags import delete_tags_of, effective_tags, set_tags_of
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.statements import LockingStatement, array_of, in_ids, in_texts
from runstream_service.engine.tables import Run

#: Runs of one call, tags that it sets, and keys that it deletes.
MAX_RUNS = 1_000
MAX_TAGS = 20
MAX_DELETED = 100

#: Characters of the tags that one call sets, those of all runs together.
MAX_CHARACTERS = 16 * 1024 * 1024

_LOCK = LockingStatement(
    Run.select(Run.id, Run.uuid, Run.experiment, Run.deleted)
    .where(Run.uuid.in_(in_texts([])))
    .order_by(Run.id)
)


def tag(
    caller: Caller,
    run_ids: Sequence[str],
    tags: Sequence[tuple[str, str]],
    deleted: Sequence[str],
    write: WriteId | None,
) -> None:
    """Delete tags of active runs, those that are there, and set others.

    Args:
        caller: who tags.
        run_ids: the runs, each once.
        tags: keys and values to set.
        deleted: keys to delete before.
        write: the name of the write; runs to which it was applied before stay as they are.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `active_run`, and nothing is done.
        ResourceExhausted: the tags of all runs are too large together.
    """
    characters = len(run_ids) * sum(len(key) + len(value) for key, value in tags)
    if characters > MAX_CHARACTERS:
        raise ResourceExhausted(
            f"these tags have {characters:,} characters on {len(run_ids):,} runs, the limit is "
            f"{MAX_CHARACTERS:,}: tag fewer runs at once",
            reason="TAGS_TOO_LARGE",
            field="tags",
            value=characters,
            limit=MAX_CHARACTERS,
        )
    find_role = KnownRoles().role_on
    rows = {row[1]: row for row in _LOCK.rows(array_of(run_ids))}
    for run_id in run_ids:
        if run_id not in rows:
            raise not_found_error(run_id)
        _, _, experiment, is_deleted = rows[run_id]
        check_writable(caller, run_id, experiment, find_role, is_deleted=is_deleted)
    ids = applied_writes.to_run.accept_all([row[0] for row in rows.values()], write)
    keys = [key for key in deleted if key != NAME_TAG]
    delete_tags_of(ids, keys)
    set_tags_of(ids, effective_tags(tags))
    have_revision = Run.id.in_(in_ids(ids)) & Run.revision.is_null(False)
    Run.update({Run.revision: renewed_revision()}).where(have_revision).execute()
    changes.record_runs(ids, effective_tags(tags), tuple(keys))
