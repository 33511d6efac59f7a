"""Files of runs and of models: writing happens on the writer's thread, reading on a reader's.

A folder is no row: it is there while a file is below it. All files below a folder are one range
of paths, because `0` is the character after `/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.catalog import blobs, logged_models
from runstream_service.catalog.run_state import deleted, not_found
from runstream_service.engine.clock import now
from runstream_service.engine.statements import compile_sql, first_row
from runstream_service.engine.tables import (
    Artifact,
    Blob,
    LoggedModel,
    ModelArtifact,
    Run,
    SharedArtifact,
    database,
)

_RUN = compile_sql(Run.select(Run.id, Run.deleted, Run.artifact_uri).where(Run.uuid == ""))
_MODEL = compile_sql(
    LoggedModel.select(LoggedModel.id, LoggedModel.artifact_uri).where(
        (LoggedModel.uid == "") & LoggedModel.deleted_time.is_null()
    )
)


class Statements:
    """The statements on the files of runs, or of models: the owner is their first value."""

    def __init__(self, table: Any, owner: Any) -> None:
        files = table.select(table.path, table.upload_time, Blob.sha256, Blob.size).join(Blob)
        this = (owner == 0) & (table.path == "")
        those = (owner == 0) & (table.path >= "") & (table.path < "")
        self.file = compile_sql(files.where(this))
        self.list = compile_sql(files.where(those).order_by(table.path))
        self.any = compile_sql(table.select(table.path).where(those).limit(1))
        self.content = compile_sql(Blob.select(Blob.name).join(table).where(this))
        self.blob_of = compile_sql(table.select(table.blob).where(this))
        self.replace = compile_sql(
            table.insert_many(
                [(0, "", 0, 0)], [owner, table.path, table.blob, table.upload_time]
            ).on_conflict_replace()
        )
        self.to_delete = compile_sql(
            table.select(table.path, table.blob).where(those).order_by(table.path).limit(1)
        )
        self.delete = compile_sql(
            table.delete().where((owner == 0) & (table.path >= "") & (table.path <= ""))
        )


_OF_RUNS = Statements(Artifact, Artifact.run)
_OF_MODELS = Statements(ModelArtifact, ModelArtifact.owner)
_OF_PROXY = Statements(SharedArtifact, SharedArtifact.owner)

#: Stands where a run does for the files of the artifact proxy that are of no run.
SHARED = "mlflow-artifacts:/"


class Owner(NamedTuple):
    """What has files, a run or a model: the statements for it, and its internal id."""

    sql: Statements
    id: int


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
        FailedPrecondition: it is deleted, or is a model whose experiment is, or it keeps its
            artifacts elsewhere; or the path is a folder, or a file stands where it needs a folder.
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
    owner = _writable(run_id)
    _refuse_conflict(owner, path)
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
    owner = _readable(run_id)[0]
    return _file(owner, path) or _folder(owner, path)


def content(run_id: str, path: str) -> tuple[Entry, str]:
    """Return a file and what its content is kept under; raises as `get`."""
    owner = _readable(run_id)[0]
    file = _file(owner, path)
    row = first_row(owner.sql.content, owner.id, path)
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
    owner, root_uri = _readable(run_id)
    file = _file(owner, path) if path else None
    if file is not None:
        return Page(root_uri, [file])
    found = list(islice(_entries(owner, path, recursive, start), limit + 1))
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
    owner = _writable(run_id)
    replaced = first_row(owner.sql.blob_of, owner.id, path)
    rows = [(path, replaced[0])] if replaced else []
    if not rows:
        rows = database.execute_sql(
            owner.sql.to_delete, (owner.id, *_below(path), limit)
        ).fetchall()
    if not rows:
        return None
    database.execute_sql(owner.sql.delete, (owner.id, rows[0][0], rows[-1][0]))
    return [content.name for content in blobs.delete_unused({blob for _, blob in rows})]


def _entries(owner: Owner, path: str, recursive: bool, start: str) -> Iterator[tuple[Entry, str]]:
    """Yield the entries of a folder, each with where the next one is looked for."""
    first, end = _below(path)
    position: str | None = start or first
    while position is not None:
        rows = database.execute_sql(owner.sql.list, (owner.id, position, end))
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


def _readable(run_id: str) -> tuple[Owner, str]:
    owner, _, root_uri = _owner(run_id)
    return owner, root_uri


def _writable(run_id: str) -> Owner:
    owner, is_deleted, _ = _owner(run_id)
    if is_deleted:
        raise deleted(run_id)
    if owner.sql is _OF_MODELS:
        logged_models.active(run_id)
    return owner


def _owner(run_id: str) -> tuple[Owner, bool, str]:
    """Return who has the files of an id: a run, or a model, whose ids begin with `m-`."""
    if run_id == SHARED:
        return Owner(_OF_PROXY, 0), False, SHARED
    if run_id.startswith("m-"):
        model = first_row(_MODEL, run_id)
        if model is None:
            raise logged_models.not_found(run_id)
        owner, is_deleted, uri = Owner(_OF_MODELS, model[0]), False, model[1]
    else:
        run = first_row(_RUN, run_id)
        if run is None:
            raise not_found(run_id)
        owner, is_deleted, uri = Owner(_OF_RUNS, run[0]), bool(run[1]), run[2]
    if not uri.startswith("mlflow-artifacts:/"):
        raise FailedPrecondition(
            f"The artifacts of run {run_id} are at {uri}, which is not under this server",
            reason="ARTIFACTS_ELSEWHERE",
            field="run_id",
            value=run_id,
            artifact_uri=uri,
        )
    return owner, is_deleted, uri


def _refuse_conflict(owner: Owner, path: str) -> None:
    if first_row(owner.sql.any, owner.id, *_below(path), 1):
        raise _conflict(path, f"{path!r} is a folder, a file cannot be stored under this path")
    for i, character in enumerate(path):
        if character == "/" and first_row(owner.sql.blob_of, owner.id, path[:i]):
            raise _conflict(path, f"{path[:i]!r} is a file, it cannot be a folder of {path!r}")


def _conflict(path: str, message: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason="PATH_CONFLICT", field="path", value=path)


def _file(owner: Owner, path: str) -> Entry | None:
    row = first_row(owner.sql.file, owner.id, path)
    return None if row is None else _entry(row)


def _folder(owner: Owner, path: str) -> Entry:
    if not first_row(owner.sql.any, owner.id, *_below(path), 1):
        raise _no_artifact(path)
    return Entry(path)


def _entry(row: tuple[Any, ...]) -> Entry:
    path, upload_time, sha256, size = row
    return Entry(path, size, sha256, upload_time)


def _no_artifact(path: str) -> NotFound:
    return NotFound(
        f"No artifact with path: {path}", reason="ARTIFACT_NOT_FOUND", field="path", value=path
    )
