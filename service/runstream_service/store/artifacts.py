"""Files of runs: writing happens on the writer's thread, reading on a reader's.

A folder is no row: it is there while a file is below it. All files below a folder are one range
of paths, because `0` is the character after `/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.store import blobs
from runstream_service.store.experiments import now
from runstream_service.store.models import Artifact, Blob, Run, database
from runstream_service.store.run_state import deleted, not_found
from runstream_service.store.statement import first_row, written

_RUN = written(Run.select(Run.id, Run.deleted, Run.artifact_uri).where(Run.uuid == ""))
_FILES = Artifact.select(Artifact.path, Artifact.upload_time, Blob.sha256, Blob.size).join(Blob)
_FILE = written(_FILES.where((Artifact.run == 0) & (Artifact.path == "")))
_RANGE = (Artifact.run == 0) & (Artifact.path >= "") & (Artifact.path < "")
_LIST = written(_FILES.where(_RANGE).order_by(Artifact.path))
_ANY = written(Artifact.select(Artifact.path).where(_RANGE).limit(1))
_CONTENT = written(
    Blob.select(Blob.name).join(Artifact).where((Artifact.run == 0) & (Artifact.path == ""))
)
_BLOB_OF = written(
    Artifact.select(Artifact.blob).where((Artifact.run == 0) & (Artifact.path == ""))
)
_REPLACE = written(
    Artifact.insert_many(
        [(0, "", 0, 0)], [Artifact.run, Artifact.path, Artifact.blob, Artifact.upload_time]
    ).on_conflict_replace()
)
_TO_DELETE = written(
    Artifact.select(Artifact.path, Artifact.blob).where(_RANGE).order_by(Artifact.path).limit(1)
)
_DELETE = written(
    Artifact.delete().where((Artifact.run == 0) & (Artifact.path >= "") & (Artifact.path <= ""))
)

# SQLite orders every blob after every text.
_END_OF_ALL = b""


@dataclass(frozen=True)
class Entry:
    """A file, or a folder, which has neither size nor digest nor time."""

    path: str
    size: int | None = None
    sha256: str = ""
    upload_time: int = 0


@dataclass(frozen=True)
class Stored:
    """What became of a file that was to be stored.

    Attributes:
        file: what it is, or None if its content has to be put into the storage first.
        put_as: the name under which it then has to be put.
        unused: names of contents to be removed.
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
    """Check that a file can be stored there.

    Raises:
        NotFound: there is no such run.
        FailedPrecondition: it is deleted, or keeps its artifacts elsewhere; or the path is a
            folder, or a file stands where it needs a folder.
    """
    _refuse_conflict(_writable(run_id), path)


def store(run_id: str, path: str, sha256: str, size: int, put_as: str = "") -> Stored:
    """Store a file, in place of the one that may be there.

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
    run = _writable(run_id)
    _refuse_conflict(run, path)
    blob = blobs.find(sha256)
    unused = [put_as] if put_as and blob is not None else []
    if blob is None and put_as:
        blob = blobs.insert(sha256, put_as, size)
    if blob is None:
        return Stored(None, blobs.expect(sha256))
    replaced = first_row(_BLOB_OF, run, path)
    upload_time = now()
    database.execute_sql(_REPLACE, (run, path, blob, upload_time))
    if replaced is not None:
        unused += [released.name for released in blobs.release(replaced)]
    return Stored(Entry(path, size, sha256, upload_time), unused=tuple(unused))


def get(run_id: str, path: str) -> Entry:
    """Return a file or folder.

    Raises:
        NotFound: there is no such run, file or folder.
        FailedPrecondition: the run keeps its artifacts elsewhere.
    """
    run = _readable(run_id)[0]
    return _file(run, path) or _folder(run, path)


def content(run_id: str, path: str) -> tuple[Entry, str]:
    """Return a file and what its content is kept under; raises as `get`."""
    run = _readable(run_id)[0]
    file = _file(run, path)
    row = first_row(_CONTENT, run, path)
    if file is None or row is None:
        raise _no_artifact(path)
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
    run, root_uri = _readable(run_id)
    file = _file(run, path) if path else None
    if file is not None:
        return Page(root_uri, [file])
    found = list(islice(_entries(run, path, recursive, start), limit + 1))
    following = found[limit - 1][1] if len(found) > limit else ""
    return Page(root_uri, [entry for entry, _ in found[:limit]], following)


def delete(run_id: str, path: str, limit: int) -> list[str] | None:
    """Delete a file, or up to `limit` files of a folder; an empty path is the folder of all.

    Returns:
        What the contents were kept under that no file has any more; None if there was nothing
        to delete.

    Raises:
        NotFound, FailedPrecondition: as `check_writable` of the run.
    """
    run = _writable(run_id)
    replaced = first_row(_BLOB_OF, run, path)
    rows = [(path, replaced[0])] if replaced else []
    if not rows:
        rows = database.execute_sql(_TO_DELETE, (run, *_below(path), limit)).fetchall()
    if not rows:
        return None
    database.execute_sql(_DELETE, (run, rows[0][0], rows[-1][0]))
    return [released.name for released in blobs.release({blob for _, blob in rows})]


def _entries(run: int, path: str, recursive: bool, start: str) -> Iterator[tuple[Entry, str]]:
    """Yield the entries of a folder, each with where the next one is looked for."""
    first, end = _below(path)
    position: str | None = start or first
    while position is not None:
        rows = database.execute_sql(_LIST, (run, position, end))
        position = None
        for row in rows:
            name, slash, _ = row[0][len(first) :].partition("/")
            if slash and not recursive:  # go on behind all that is below this folder
                position = f"{first}{name}0"
                yield Entry(first + name), position
                break
            yield _entry(row), row[0] + " "  # the least character that a path may have


def _below(path: str) -> tuple[str, str | bytes]:
    """Return the range of the paths below a folder, without its end."""
    return (f"{path}/", f"{path}0") if path else ("", _END_OF_ALL)


def _readable(run_id: str) -> tuple[int, str]:
    run, _, root_uri = _run(run_id)
    return run, root_uri


def _writable(run_id: str) -> int:
    run, is_deleted, _ = _run(run_id)
    if is_deleted:
        raise deleted(run_id)
    return run


def _run(run_id: str) -> tuple[int, bool, str]:
    found = first_row(_RUN, run_id)
    if found is None:
        raise not_found(run_id)
    run, is_deleted, uri = found
    if not uri.startswith("mlflow-artifacts:/"):
        raise FailedPrecondition(
            f"The artifacts of run {run_id} are at {uri}, which is not under this server",
            reason="ARTIFACTS_ELSEWHERE",
            field="run_id",
            value=run_id,
            artifact_uri=uri,
        )
    return run, bool(is_deleted), uri


def _refuse_conflict(run: int, path: str) -> None:
    if first_row(_ANY, run, *_below(path), 1):
        raise _conflict(path, f"{path!r} is a folder, a file cannot be stored under this path")
    for i, character in enumerate(path):
        if character == "/" and first_row(_BLOB_OF, run, path[:i]):
            raise _conflict(path, f"{path[:i]!r} is a file, it cannot be a folder of {path!r}")


def _conflict(path: str, message: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason="PATH_CONFLICT", field="path", value=path)


def _file(run: int, path: str) -> Entry | None:
    row = first_row(_FILE, run, path)
    return None if row is None else _entry(row)


def _folder(run: int, path: str) -> Entry:
    if not first_row(_ANY, run, *_below(path), 1):
        raise _no_artifact(path)
    return Entry(path)


def _entry(row: tuple[Any, ...]) -> Entry:
    path, upload_time, sha256, size = row
    return Entry(path, size, sha256, upload_time)


def _no_artifact(path: str) -> NotFound:
    return NotFound(
        f"No artifact with path: {path}", reason="ARTIFACT_NOT_FOUND", field="path", value=path
    )
