"""Blobs: contents that files of runs have, each stored once.

A content is in the storage under a name that is never used again. The name is a `Stray` from
before the content is put there until a blob has it, and again from when that blob is deleted until
the content is removed: so whenever the server ends, no content is forgotten, and the storage need
not be searched for what is nobody's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from peewee import Select, fn

from runstream_service.engine.clock import now
from runstream_service.engine.models import (
    Artifact,
    Blob,
    ModelArtifact,
    SharedArtifact,
    Stray,
    database,
)
from runstream_service.engine.statements import compile_sql, first_row, run_for_each

# Milliseconds after which a content that was to be put there is taken for left by a crash.
_PUT_WITHIN = 24 * 60 * 60 * 1000

_OF_RUNS = Artifact.select(Artifact.run).where(Artifact.blob == Blob.id)
_OF_MODELS = ModelArtifact.select(ModelArtifact.owner).where(ModelArtifact.blob == Blob.id)
_SHARED = SharedArtifact.select(SharedArtifact.path).where(SharedArtifact.blob == Blob.id)
_USED = fn.EXISTS(_OF_RUNS) | fn.EXISTS(_OF_MODELS) | fn.EXISTS(_SHARED)
_SELECT = compile_sql(Blob.select(Blob.id).where(Blob.sha256 == ""))
_INSERT = compile_sql(Blob.insert({Blob.sha256: "", Blob.name: "", Blob.size: 0}))
_RELEASE = compile_sql(Blob.delete().where((Blob.id == 0) & ~_USED).returning(Blob.name, Blob.size))
_ORPHANS = compile_sql(
    Blob.select(Blob.id).where((Blob.id > 0) & ~_USED).order_by(Blob.id).limit(1)
)
_EXPECT = compile_sql(Stray.insert_many([("", 0)], [Stray.name, Stray.since]))
_FORGET = compile_sql(Stray.delete().where(Stray.name == ""))


@dataclass(frozen=True)
class Released:
    """A content that no file has any more, to be removed from the storage."""

    name: str
    size: int


def find(sha256: str) -> int | None:
    """Return the blob of a content, if there is one."""
    row = first_row(_SELECT, sha256)
    return None if row is None else int(row[0])


def expect(sha256: str) -> str:
    """Return the name under which a content is now to be put into the storage."""
    name = f"{sha256[:2]}/{sha256}-{secrets.token_hex(8)}"
    database.execute_sql(_EXPECT, (name, now()))
    return name


def insert(sha256: str, name: str, size: int) -> int | None:
    """Insert the blob of a content that was put under an expected name.

    Returns:
        None if that took so long that the content was taken for forgotten and removed.
    """
    if not run_for_each(_FORGET, [(name,)]):
        return None
    return int(database.execute_sql(_INSERT, (sha256, name, size)).lastrowid)


def release(ids: Iterable[int]) -> list[Released]:
    """Delete those of the blobs that no file refers to."""
    released = []
    for blob in ids:
        released += [Released(*row) for row in database.execute_sql(_RELEASE, (blob,)).fetchall()]
    run_for_each(_EXPECT, [(blob.name, 0) for blob in released])
    return released


def forget(names: Iterable[str]) -> None:
    """Forget strays whose contents are removed."""
    run_for_each(_FORGET, [(name,) for name in names])


def orphans(after: int, limit: int) -> list[int]:
    """Return blobs that no file refers to, by id."""
    return [row[0] for row in database.execute_sql(_ORPHANS, (after, limit)).fetchall()]


def count_unused(runs: Select, models: Select) -> tuple[int, int]:
    """Return how many blobs no file would refer to without these runs and models; their bytes.

    Args:
        runs: query of internal ids.
        models: query of internal ids.
    """
    used = (
        fn.EXISTS(_OF_RUNS.where(Artifact.run.not_in(runs)))
        | fn.EXISTS(_OF_MODELS.where(ModelArtifact.owner.not_in(models)))
        | fn.EXISTS(_SHARED)
    )
    ((count, size),) = database.execute(
        Blob.select(fn.COUNT(Blob.id), fn.SUM(Blob.size)).where(~used)
    )
    return count, size or 0


def strays() -> list[str]:
    """Return names of which nothing more is to be expected."""
    left = Stray.select(Stray.name).where(Stray.since < now() - _PUT_WITHIN)
    return [stray.name for stray in left]
