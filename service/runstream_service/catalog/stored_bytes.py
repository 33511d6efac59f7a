"""How many bytes of artifacts each user stores, counted where files are stored and deleted.

A file counts with its whole size for the user who uploaded it, whether or not other files have the
same content. It counts until it is deleted, replaced, or purged with its run or model.

Commands say what they change by `add`, on the writer's thread alone, and `flush` writes the sums
before the commit. So the rows of users are locked last and in one order, and two servers never
wait for each other. What another server has committed since a `check` is found by `flush`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from peewee import EXCLUDED, fn

from runstream.errors import ResourceExhausted
from runstream_service.access.caller import Caller
from runstream_service.engine.engine import ConflictError
from runstream_service.engine.statements import Statement, execute
from runstream_service.engine.tables import (
    Artifact,
    Blob,
    ModelArtifact,
    SharedArtifact,
    StorageUse,
)

_SELECT = Statement(StorageUse.select(StorageUse.bytes).where(StorageUse.user_name == ""))
_ADD = Statement(
    StorageUse.insert_many([("", 0)], [StorageUse.user_name, StorageUse.bytes])
    .on_conflict(
        conflict_target=[StorageUse.user_name],
        update={StorageUse.bytes: StorageUse.bytes + EXCLUDED.bytes},
    )
    .returning(StorageUse.bytes)
)

# Of the transaction under way: the bytes to be added for each user, and the limits that were
# checked.
_added: Counter[str] = Counter()
_checked: dict[str, int] = {}


def stored_by(user_name: str) -> int:
    """Return how many bytes a user stores, without what this transaction adds."""
    row = _SELECT.first(user_name)
    return 0 if row is None else int(row[0])


def check(caller: Caller, size: int, limit: int) -> None:
    """Check that a caller may store so many bytes more, on the writer's thread.

    Args:
        caller: who stores them.
        size: bytes, less those of a file of theirs that is replaced.
        limit: bytes that they may store; 0 for no limit.

    Raises:
        ResourceExhausted: they are too many.
    """
    if limit and caller.name and size > 0:
        stored = stored_by(caller.name) + _added[caller.name] + size
        if stored > limit:
            raise limit_error(stored, limit)
        _checked[caller.name] = limit


def add(user_name: str | None, size: int) -> None:
    """Count bytes that a user stores in this transaction, or fewer; those of nobody are not."""
    if user_name:
        _added[user_name] += size


def flush() -> None:
    """Write what was counted, before the transaction is committed.

    Raises:
        ConflictError: another server has used up what `check` has found to be free.
    """
    for user_name, size in sorted(_added.items()):
        row = _ADD.first(user_name, size)
        limit = _checked.get(user_name)
        if limit is not None and row is not None and row[0] > limit:
            raise ConflictError(f"{user_name} stores more than the limit of {limit} bytes")
    reset()


def reset() -> None:
    """Drop what was counted, after a rollback."""
    _added.clear()
    _checked.clear()


def limit_error(stored: int, limit: int) -> ResourceExhausted:
    """Return the error for a file with which its uploader would store too many bytes."""
    return ResourceExhausted(
        f"with this file you would store {stored:,} bytes of artifacts, this server allows "
        f"{limit:,} to one caller; those of deleted runs count until they are purged",
        reason="ARTIFACT_BYTES",
        field="artifact bytes",
        value=stored,
        limit=limit,
    )


def find_faults() -> Iterator[str]:
    """Yield a sentence for each user whose bytes are not those of their files."""
    sizes: Counter[str] = Counter()
    for table in (Artifact, ModelArtifact, SharedArtifact):
        of_users = table.select(table.uploaded_by, fn.SUM(Blob.size)).join(Blob)
        query = of_users.where(table.uploaded_by.is_null(False)).group_by(table.uploaded_by)
        for user_name, size in execute(query):
            sizes[user_name] += int(size)
    counted = Counter(dict(execute(StorageUse.select(StorageUse.user_name, StorageUse.bytes))))
    for user_name in sorted({*sizes, *counted}):
        if sizes[user_name] != counted[user_name]:
            yield (
                f"the files of {user_name} have {sizes[user_name]:,} bytes, "
                f"{counted[user_name]:,} are counted"
            )
