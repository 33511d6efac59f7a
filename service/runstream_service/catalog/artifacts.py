"""Files of runs and of models: writing happens on the writer's thread, reading on a reader's.

A folder is no row: it is there while a file is below it. All files below a folder are one range
of paths, because `0` is the character after `/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.access.caller import Caller
from runstream_service.catalog import blobs, staged_contents, stored_bytes, version_use
from runstream_service.catalog.artifact_owners import (
    Owner,
    lock_owner,
    readable_owner,
    writable_owner,
)
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now

# Comes after every path: no path is so long, and no character comes after this one.
_AFTER_ALL_PATHS = "\U0010ffff" * 256


@dataclass(frozen=True)
class Entry:
    """A file, or a folder, which has neither size nor digest nor time."""

    path: str
    size: int | None = None
    sha256: str = ""
    upload_time: int = 0


@dataclass(frozen=True)
class Stored:
    """The result of `store`.

    Attributes:
        file: the stored file, or None if its content must be put into the storage first.
        put_as: the name under which the content must be put then.
        unused: names of contents to be removed from the storage.
    """

    file: Entry | None
    put_as: str = ""
    unused: tuple[str, ...] = ()


class Deleted(NamedTuple):
    """The result of `delete`.

    Attributes:
        unused: names of contents to be removed from the storage.
        was_there: whether there was something to delete.
        is_complete: whether nothing is left of it.
    """

    unused: list[str]
    was_there: bool
    is_complete: bool


@dataclass(frozen=True)
class Page:
    """Entries of a folder by path, a folder as if its path ended in `/`.

    Attributes:
        root_uri: artifact URI of the run.
        entries: files and folders.
        next: where the next page begins; empty at the end.
    """

    root_uri: str
    entries: list[Entry]
    next: str = ""


def check_writable(caller: Caller, run_id: str, path: str) -> None:
    """Check that a file can be stored under a path.

    Raises:
        NotFound: there is no such run, or the caller does not see it.
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: it is deleted, or is a model whose experiment is, or it keeps its
            artifacts elsewhere; or the path is a folder, or a file stands where it needs a folder.
    """
    _check_no_conflict(writable_owner(caller, run_id), path)


def stored_beside(caller: Caller, run_id: str, path: str) -> tuple[int, int]:
    """Return how many bytes a caller stores beside a file, and how many of the file are theirs.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `check_writable` of the run.
    """
    replaced = writable_owner(caller, run_id).content_of(path).bytes_of(caller)
    return stored_bytes.stored_by(caller.name) - replaced, replaced


def store(
    caller: Caller,
    run_id: str,
    path: str,
    sha256: str,
    size: int,
    limit: int,
    put_as: str = "",
    upload: str = "",
) -> Stored:
    """Store a file, and replace the one that has the path.

    Args:
        caller: who stores it.
        run_id: the run.
        path: path of the file.
        sha256: digest of the content.
        size: bytes of the content.
        limit: bytes that the caller may store in all; 0 for no limit.
        put_as: the name that a call before this gave, once the content is put there. If another
            upload was faster with the same content, its blob is used, and this one is unused.
        upload: the upload of a content that was put while it came, under a staged name.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `check_writable`, or `taken_over_error`.
        ResourceExhausted: the caller would store more than the limit.
    """
    owner = lock_owner(caller, run_id)
    _check_no_conflict(owner, path)
    replaced = owner.content_of(path)
    stored_bytes.check(caller, size - replaced.bytes_of(caller), limit)
    if upload:
        if not staged_contents.complete(put_as, upload):
            raise taken_over_error(upload)
        blobs.reserve(put_as)
    blob = blobs.find(sha256)
    unused = [put_as] if put_as and blob is not None else []
    if blob is None and put_as:
        blob = blobs.insert(sha256, put_as, size)
    if blob is None:
        return Stored(None, blobs.reserve_name(sha256))
    upload_time = now()
    owner.sql.replace.run(owner.id, path, blob, upload_time, caller.name or None)
    stored_bytes.add(caller.name, size)
    if replaced.blob is not None:
        stored_bytes.add(replaced.uploaded_by, -replaced.size)
        unused += [content.name for content in blobs.delete_unused([replaced.blob])]
    return Stored(Entry(path, size, sha256, upload_time), unused=tuple(unused))


def taken_over_error(upload: str) -> FailedPrecondition:
    """Return the error for a stream that is cut off."""
    return FailedPrecondition(
        "another stream goes on with this upload",
        reason="UPLOAD_OFFSET",
        field="start.upload_id",
        value=upload,
    )


def get(caller: Caller, run_id: str, path: str) -> Entry:
    """Return a file or folder.

    Raises:
        NotFound: there is no such run, file or folder, or the caller does not see the run.
        PermissionDenied: files of no run are for admins.
        FailedPrecondition: the run keeps its artifacts elsewhere.
    """
    owner = readable_owner(caller, run_id)[0]
    return _file(owner, path) or _folder(owner, path)


def content(caller: Caller, run_id: str, path: str) -> tuple[Entry, str]:
    """Return a file and the name of its content in the storage; raises as `get`."""
    owner = readable_owner(caller, run_id)[0]
    file = _file(owner, path)
    row = owner.sql.content_name.first(owner.id, path)
    if file is None or row is None:
        raise _not_found_error(path)
    return file, row[0]


def list_folder(
    caller: Caller, run_id: str, path: str, recursive: bool, start: str, limit: int
) -> Page:
    """List a folder, or all files below it; raises as `get`, but a missing folder is empty.

    Args:
        caller: who asks.
        run_id: the run.
        path: path of the folder, or of a file, which is listed as itself; empty for all.
        recursive: whether all files below it are asked for, at any depth.
        start: `next` of the page before; empty for the first.
        limit: entries of a page.
    """
    owner, root_uri = readable_owner(caller, run_id)
    file = _file(owner, path) if path else None
    if file is not None:
        return Page(root_uri, [file])
    found = list(islice(_entries(owner, path, recursive, start), limit + 1))
    following = found[limit - 1][1] if len(found) > limit else ""
    return Page(root_uri, [entry for entry, _ in found[:limit]], following)


def delete(caller: Caller, run_id: str, path: str, limit: int, write: WriteId | None) -> Deleted:
    """Delete a file, or up to `limit` files of a folder; an empty path is the folder of all.

    The call after which nothing is left records the write, so that a repetition of it deletes no
    file that was stored later (P3).

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `check_writable` of the run.
        FailedPrecondition: a version of a registered model has files there.
    """
    owner = lock_owner(caller, run_id)
    writes = owner.sql.writes
    if writes is not None and writes.was_applied(owner.id, write):
        return Deleted([], was_there=True, is_complete=True)
    version_use.check_files_unused(run_id, owner.id, path)
    replaced = owner.sql.blob_of.first(owner.id, path)
    rows = [(path, replaced[0])] if replaced else []
    if not rows:
        rows = owner.sql.paths_and_blobs.rows(owner.id, *_range_below(path), limit + 1)
    is_complete = len(rows) <= limit
    if writes is not None and is_complete:
        writes.record(owner.id, write)
    if not rows:
        return Deleted([], was_there=False, is_complete=True)
    rows = rows[:limit]
    _delete_range(owner, rows[0][0], rows[-1][0])
    unused = [content.name for content in blobs.delete_unused({blob for _, blob in rows})]
    return Deleted(unused, was_there=True, is_complete=is_complete)


def delete_some(owner: Owner, limit: int) -> int:
    """Delete up to `limit` files of an owner that is purged, not their contents; count them."""
    rows = owner.sql.paths_and_blobs.rows(owner.id, *_range_below(""), limit)
    if rows:
        _delete_range(owner, rows[0][0], rows[-1][0])
    return len(rows)


def _delete_range(owner: Owner, first: str, last: str) -> None:
    for user_name, size in owner.sql.bytes_by_user.rows(owner.id, first, last):
        stored_bytes.add(user_name, -int(size))
    owner.sql.delete_range.run(owner.id, first, last)


def _entries(owner: Owner, path: str, recursive: bool, start: str) -> Iterator[tuple[Entry, str]]:
    """Yield the entries of a folder, each with the path from which the next one is searched."""
    first, end = _range_below(path)
    position: str | None = start or first
    while position is not None:
        with closing(owner.sql.files.cursor(owner.id, position, end)) as rows:
            position = None
            for row in rows:
                name, slash, _ = row[0][len(first) :].partition("/")
                if slash and not recursive:  # go on behind all that is below this folder
                    position = f"{first}{name}0"
                    yield Entry(first + name), position
                    break
                yield _entry(row), row[0] + " "  # the lowest character of a path


def has_files(owner: Owner, path: str) -> bool:
    """Return whether an owner has a file of this path, or one below it."""
    return bool(
        (path and owner.sql.blob_of.first(owner.id, path))
        or owner.sql.first_path.first(owner.id, *_range_below(path), 1)
    )


def _range_below(path: str) -> tuple[str, str]:
    """Return the range of the paths below a folder, without its end."""
    return (f"{path}/", f"{path}0") if path else ("", _AFTER_ALL_PATHS)


def _check_no_conflict(owner: Owner, path: str) -> None:
    if owner.sql.first_path.first(owner.id, *_range_below(path), 1):
        raise _conflict_error(
            path, f"{path!r} is a folder, a file cannot be stored under this path"
        )
    for i, character in enumerate(path):
        if character == "/" and owner.sql.blob_of.first(owner.id, path[:i]):
            raise _conflict_error(
                path, f"{path[:i]!r} is a file, it cannot be a folder of {path!r}"
            )


def _conflict_error(path: str, message: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason="PATH_CONFLICT", field="path", value=path)


def _file(owner: Owner, path: str) -> Entry | None:
    row = owner.sql.file.first(owner.id, path)
    return None if row is None else _entry(row)


def _folder(owner: Owner, path: str) -> Entry:
    if not owner.sql.first_path.first(owner.id, *_range_below(path), 1):
        raise _not_found_error(path)
    return Entry(path)


def _entry(row: tuple[Any, ...]) -> Entry:
    path, upload_time, sha256, size = row
    return Entry(path, size, sha256, upload_time)


def _not_found_error(path: str) -> NotFound:
    return NotFound(
        f"No artifact with path: {path}", reason="ARTIFACT_NOT_FOUND", field="path", value=path
    )
