"""Blobs: the contents of files, each stored once.

The storage has a content under a name that is never used again. The name is a row of `OrphanBlob`
from before the content is put into the storage until a row of `Blob` has the name, and again from
the deletion of that row until the content is removed. So a server that ends at any moment leaves
no content without a row, and the storage never has to be listed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from peewee import Select, fn

from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement, execute
from runstream_service.engine.tables import (
    Artifact,
    Blob,
    ModelArtifact,
    OrphanBlob,
    SharedArtifact,
)

# Milliseconds within which a content is put into the storage; after them a crash left the name.
_MAX_UPLOAD_TIME = 24 * 60 * 60 * 1000

_OF_RUNS = Artifact.select(Artifact.run).where(Artifact.blob == Blob.id)
_OF_MODELS = ModelArtifact.select(ModelArtifact.owner).where(ModelArtifact.blob == Blob.id)
_SHARED = SharedArtifact.select(SharedArtifact.path).where(SharedArtifact.blob == Blob.id)
_USED = fn.EXISTS(_OF_RUNS) | fn.EXISTS(_OF_MODELS) | fn.EXISTS(_SHARED)
_SELECT = Statement(Blob.select(Blob.id).where(Blob.sha256 == ""))
_NEWEST = Statement(Blob.select(Blob.name).where(Blob.size > 0).order_by(Blob.id.desc()).limit(1))
_INSERT = Statement(Blob.insert({Blob.sha256: "", Blob.name: "", Blob.size: 0}).returning(Blob.id))
_DELETE_UNUSED = Statement(
    Blob.delete().where((Blob.id == 0) & ~_USED).returning(Blob.name, Blob.size)
)
_SELECT_UNUSED = Statement(
    Blob.select(Blob.id).where((Blob.id > 0) & ~_USED).order_by(Blob.id).limit(1)
)
_INSERT_ORPHAN = Statement(OrphanBlob.insert_many([("", 0)], [OrphanBlob.name, OrphanBlob.since]))
_DELETE_ORPHAN = Statement(OrphanBlob.delete().where(OrphanBlob.name == ""))


@dataclass(frozen=True)
class UnusedContent:
    """A content that no file has any more, to be removed from the storage."""

    name: str
    size: int


def find(sha256: str) -> int | None:
    """Return the blob of a content, if there is one."""
    row = _SELECT.first(sha256)
    return None if row is None else int(row[0])


def newest_name() -> str | None:
    """Return the name of the content that was stored last, of those that have bytes."""
    row = _NEWEST.first(0, 1)
    return None if row is None else str(row[0])


def reserve_name(sha256: str) -> str:
    """Return a new name, under which the caller puts a content into the storage."""
    name = f"{sha256[:2]}/{sha256}-{secrets.token_hex(8)}"
    reserve(name)
    return name


def reserve(name: str) -> None:
    """Keep a name for a content that has no row yet."""
    _INSERT_ORPHAN.run(name, now())


def insert(sha256: str, name: str, size: int) -> int | None:
    """Insert the blob of a content that was put under a reserved name; return its id.

    Returns:
        None if that took so long that a purge has removed the content.
    """
    if not _DELETE_ORPHAN.run(name):
        return None
    return _INSERT.insert(sha256, name, size)


def delete_unused(ids: Iterable[int]) -> list[UnusedContent]:
    """Delete those of the blobs that no file refers to."""
    deleted = []
    for blob in sorted(ids):
        deleted += [UnusedContent(*row) for row in _DELETE_UNUSED.rows(blob)]
    _INSERT_ORPHAN.run_for_each([(blob.name, 0) for blob in deleted])
    return deleted


def delete_orphans(names: Iterable[str]) -> None:
    """Delete the rows of orphans whose contents are removed."""
    _DELETE_ORPHAN.run_for_each([(name,) for name in sorted(names)])


def find_unused(after: int, limit: int) -> list[int]:
    """Return up to `limit` ids, greater than `after`, of blobs that no file refers to."""
    return [row[0] for row in _SELECT_UNUSED.rows(after, limit)]


def count_unused(runs: Select, models: Select) -> tuple[int, int]:
    """Return how many blobs no file would refer to without these runs and models; their bytes.

    Args:
        runs: query of internal ids.
        models: query of internal ids.
    """
    return _count(~_used_beside(runs, models))


def count_owned(runs: Select, models: Select) -> tuple[int, int]:
    """Return what `count_unused` does, of the blobs of files of these runs and models alone."""
    of_runs = Artifact.select(Artifact.blob).where(Artifact.run.in_(runs))
    of_models = ModelArtifact.select(ModelArtifact.blob).where(ModelArtifact.owner.in_(models))
    owned = Blob.id.in_(of_runs) | Blob.id.in_(of_models)
    return _count(owned & ~_used_beside(runs, models))


def _used_beside(runs: Select, models: Select) -> Any:
    return (
        fn.EXISTS(_OF_RUNS.where(Artifact.run.not_in(runs)))
        | fn.EXISTS(_OF_MODELS.where(ModelArtifact.owner.not_in(models)))
        | fn.EXISTS(_SHARED)
    )


def _count(which: Any) -> tuple[int, int]:
    ((count, size),) = execute(Blob.select(fn.COUNT(Blob.id), fn.SUM(Blob.size)).where(which))
    return count, size or 0


def find_orphans() -> list[str]:
    """Return the names of contents that a crash left in the storage."""
    left = OrphanBlob.select(OrphanBlob.name).where(OrphanBlob.since < now() - _MAX_UPLOAD_TIME)
    return [orphan.name for orphan in left]
