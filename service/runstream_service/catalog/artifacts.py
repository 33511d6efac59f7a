"""Files of runs and of models: writing happens on the writer's thread, reading on a reader's.

A folder is no row: it is there while a file is below it. All files below a folder are one range
of paths, because `0` is the character after `/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.catalog import blobs
from runstream_service.catalog.artifact_owners import Owner, readable_owner, writable_owner
from runstream_service.engine.clock import now
from runstream_service.engine.statements import first_row
from runstream_service.engine.tables import database

# SQLite orders every blob after every text.
_AFTER_ALL_PATHS = b""


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


def check_writable(run_id: str, path: str) -> None:
    """Check that a file can be stored under a path.

    Raises:
        NotFound: there is no such run.
        FailedPrecondition: it is deleted, or is a model whose experiment is, or it keeps its
            artifacts elsewhere; or the path is a folder, or a file stands where it needs a folder.
    """
    _check_no_conflict(writable_owner(run_id), path)


def store(run_id: str, path: str, sha256: str, size: int, put_as: str = "") -> Stored:
    """Store a file, and replace the one that has the path.

    Args:
        run_id: the run.
        path: path of the file.
        sha256: digest of the content.
        size: bytes of the content.
        put_as: the name that a call before this gave, once the content is put there. If another
            upload was faster with the same content, its blob is used, and this one is unused.

    Raises:
        NotFound, FailedPrecondition: as `check_writable`.
    """
    owner = writable_owner(run_id)
    _check_no_conflict(owner, path)
    blob = blobs.find(sha256)
    unused = [put_as] if put_as and blob is not None else []
    if blob is None and put_as:
        blob = blobs.insert(sha256, put_as, size)
    if blob is None:
        return Stored(None, blobs.reserve_name(sha256))
    replaced = first_row(owner.sql.blob_of, owner.id, path)
    upload_time = now()
    database.execute_sql(owner.sql.replace, (owner.id, path, blob, upload_time))
    if replaced is not None:
        unused += [content.name for content in blobs.delete_unused(replaced)]
    return Stored(Entry(path, size, sha256, upload_time), unused=tuple(unused))


def get(run_id: str, path: str) -> Entry:
    """Return a file or folder.

    Raises:
        NotFound: there is no such run, file or folder.
        FailedPrecondition: the run keeps its artifacts elsewhere.
    """
    owner = readable_owner(run_id)[0]
    return _file(owner, path) or _folder(owner, path)


def content(run_id: str, path: str) -> tuple[Entry, str]:
    """Return a file and the name of its content in the storage; raises as `get`."""
    owner = readable_owner(run_id)[0]
    file = _file(owner, path)
    row = first_row(owner.sql.content_name, owner.id, path)
    if file is None or row is None:
        raise _not_found_error(path)
    return file, row[0]


def list_folder(run_id: str, path: str, recursive: bool, start: str, limit: int) -> Page:
    """List a folder, or all files below it; raises as `get`, but a missing folder is empty.

    Args:
        run_id: the run.
        path: path of the folder, or of a file, which is listed as itself; empty for all.
        recursive: whether all files below it are asked for, at any depth.
        start: `next` of the page before; empty for the first.
        limit: entries of a page.
    """
    owner, root_uri = readable_owner(run_id)
    file = _file(owner, path) if path else None
    if file is not None:
        return Page(root_uri, [file])
    found = list(islice(_entries(owner, path, recursive, start), limit + 1))
    following = found[limit - 1][1] if len(found) > limit else ""
    return Page(root_uri, [entry for entry, _ in found[:limit]], following)


def delete(run_id: str, path: str, limit: int) -> list[str] | None:
    """Delete a file, or up to `limit` files of a folder; an empty path is the folder of all.

    Returns:
        The names of the contents that no file has any more; None if there was nothing to delete.

    Raises:
        NotFound, FailedPrecondition: as `check_writable` of the run.
    """
    owner = writable_owner(run_id)
    replaced = first_row(owner.sql.blob_of, owner.id, path)
    rows = [(path, replaced[0])] if replaced else []
    if not rows:
        rows = database.execute_sql(
            owner.sql.paths_and_blobs, (owner.id, *_range_below(path), limit)
        ).fetchall()
    if not rows:
        return None
    database.execute_sql(owner.sql.delete_range, (owner.id, rows[0][0], rows[-1][0]))
    return [content.name for content in blobs.delete_unused({blob for _, blob in rows})]


def _entries(owner: Owner, path: str, recursive: bool, start: str) -> Iterator[tuple[Entry, str]]:
    """Yield the entries of a folder, each with the path from which the next one is searched."""
    first, end = _range_below(path)
    position: str | None = start or first
    while position is not None:
        rows = database.execute_sql(owner.sql.files, (owner.id, position, end))
        position = None
        for row in rows:
            name, slash, _ = row[0][len(first) :].partition("/")
            if slash and not recursive:  # go on behind all that is below this folder
                position = f"{first}{name}0"
                yield Entry(first + name), position
                break
            yield _entry(row), row[0] + " "  # the lowest character of a path


def _range_below(path: str) -> tuple[str, str | bytes]:
    """Return the range of the paths below a folder, without its end."""
    return (f"{path}/", f"{path}0") if path else ("", _AFTER_ALL_PATHS)


def _check_no_conflict(owner: Owner, path: str) -> None:
    if first_row(owner.sql.first_path, owner.id, *_range_below(path), 1):
        raise _conflict_error(
            path, f"{path!r} is a folder, a file cannot be stored under this path"
        )
    for i, character in enumerate(path):
        if character == "/" and first_row(owner.sql.blob_of, owner.id, path[:i]):
            raise _conflict_error(
                path, f"{path[:i]!r} is a file, it cannot be a folder of {path!r}"
            )


def _conflict_error(path: str, message: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason="PATH_CONFLICT", field="path", value=path)


def _file(owner: Owner, path: str) -> Entry | None:
    row = first_row(owner.sql.file, owner.id, path)
    return None if row is None else _entry(row)


def _folder(owner: Owner, path: str) -> Entry:
    if not first_row(owner.sql.first_path, owner.id, *_range_below(path), 1):
        raise _not_found_error(path)
    return Entry(path)


def _entry(row: tuple[Any, ...]) -> Entry:
    path, upload_time, sha256, size = row
    return Entry(path, size, sha256, upload_time)


def _not_found_error(path: str) -> NotFound:
    return NotFound(
        f"No artifact with path: {path}", reason="ARTIFACT_NOT_FOUND", field="path", value=path
    )
