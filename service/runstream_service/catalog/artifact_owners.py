"""The owners of files: runs, logged models and the artifact proxy, and the SQL for their files.

Ids of models begin with `m-`. The artifact proxy stores files that belong to no run and no model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from peewee import fn

from runstream.errors import FailedPrecondition
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import VisibleStatement, check_admin, check_role
from runstream_service.catalog import logged_models
from runstream_service.catalog.run_state import deleted_error, not_found_error
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import Writes
from runstream_service.engine.statements import LockingStatement, Statement
from runstream_service.engine.tables import (
    Artifact,
    Blob,
    LoggedModel,
    ModelArtifact,
    Run,
    Setting,
    SharedArtifact,
)

_OF_UUID = Run.select(Run.id, Run.artifact_uri, Run.experiment, Run.deleted).where(Run.uuid == "")
_OF_UID = LoggedModel.select(
    LoggedModel.id, LoggedModel.artifact_uri, LoggedModel.experiment
).where((LoggedModel.uid == "") & LoggedModel.deleted_time.is_null())
_RUN = VisibleStatement(_OF_UUID, Run.experiment)
_LOCK_RUN = VisibleStatement(_OF_UUID, Run.experiment, lock=True)
_MODEL = VisibleStatement(_OF_UID, LoggedModel.experiment)
_LOCK_MODEL = VisibleStatement(_OF_UID, LoggedModel.experiment, lock=True)
# The artifact proxy is no row. This one stands for it, where several servers write.
_LOCK_PROXY = LockingStatement(Setting.select(Setting.name).where(Setting.name == ""))


class Statements:
    """The statements on the files of runs, of models or of the proxy.

    The first value of each statement is the internal id of the owner.

    Attributes:
        writes: the writes that were applied; None for the proxy, whose writes have no ids.
    """

    def __init__(self, table: Any, owner: Any, writes: Writes | None) -> None:
        self.writes = writes
        files = table.select(table.path, table.upload_time, Blob.sha256, Blob.size).join(Blob)
        of_path = (owner == 0) & (table.path == "")
        in_range = (owner == 0) & (table.path >= "") & (table.path < "")
        self.file = Statement(files.where(of_path))
        self.files = Statement(files.where(in_range).order_by(table.path))
        self.first_path = Statement(table.select(table.path).where(in_range).limit(1))
        self.content_name = Statement(Blob.select(Blob.name).join(table).where(of_path))
        self.blob_of = Statement(table.select(table.blob).where(of_path))
        self.content_of = Statement(
            table.select(table.blob, table.uploaded_by, Blob.size).join(Blob).where(of_path)
        )
        values = [table.blob, table.upload_time, table.uploaded_by]
        self.replace = Statement(
            table.insert_many([(0, "", 0, 0, "")], [owner, table.path, *values]).on_conflict(
                conflict_target=[owner, table.path], preserve=values
            )
        )
        self.paths_and_blobs = Statement(
            table.select(table.path, table.blob).where(in_range).order_by(table.path).limit(1)
        )
        range_to_delete = (owner == 0) & (table.path >= "") & (table.path <= "")
        self.delete_range = Statement(table.delete().where(range_to_delete))
        self.bytes_by_user = Statement(
            table.select(table.uploaded_by, fn.SUM(Blob.size))
            .join(Blob)
            .where(range_to_delete & table.uploaded_by.is_null(False))
            .group_by(table.uploaded_by)
        )


_OF_RUNS = Statements(Artifact, Artifact.run, applied_writes.to_run)
_OF_MODELS = Statements(ModelArtifact, ModelArtifact.owner, applied_writes.to_model)
_OF_PROXY = Statements(SharedArtifact, SharedArtifact.owner, None)

#: The id of the artifact proxy as an owner of files, which is no id of a run or model.
PROXY = "mlflow-artifacts:/"


class Content(NamedTuple):
    """What a path of an owner has: a blob, who uploaded it, and its bytes; or nothing."""

    blob: int | None = None
    uploaded_by: str | None = None
    size: int = 0

    def bytes_of(self, caller: Caller) -> int:
        """Return the bytes that count for a caller."""
        return self.size if self.uploaded_by == caller.name else 0


class Owner(NamedTuple):
    """A run, a model or the proxy: the statements on its files, and its internal id."""

    sql: Statements
    id: int

    def content_of(self, path: str) -> Content:
        """Return what a path has."""
        row = self.sql.content_of.first(self.id, path)
        return Content() if row is None else Content(*row)


def owner_of_run(run: int) -> Owner:
    """Return a run as an owner, by its internal id."""
    return Owner(_OF_RUNS, run)


def owner_of_model(model: int) -> Owner:
    """Return a logged model as an owner, by its internal id."""
    return Owner(_OF_MODELS, model)


def readable_owner(caller: Caller, run_id: str) -> tuple[Owner, str]:
    """Return the owner of an id, and its artifact URI.

    Raises:
        NotFound: there is no such run or model, or the caller does not see it.
        PermissionDenied: files of no run are for admins.
        FailedPrecondition: it keeps its artifacts elsewhere.
    """
    found = _find_owner(caller, run_id)
    return found.owner, found.root_uri


def writable_owner(caller: Caller, run_id: str) -> Owner:
    """Return the owner of an id, whose files can be changed, on a reader's thread.

    Raises:
        NotFound: there is no such run or model, or the caller does not see it.
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: it is deleted, or is a model whose experiment is, or it keeps its
            artifacts elsewhere.
    """
    return _check_writable(caller, run_id, _find_owner(caller, run_id))


def lock_owner(caller: Caller, run_id: str) -> Owner:
    """Return what `writable_owner` does, locked until the commit, on the writer's thread."""
    return _check_writable(caller, run_id, _find_owner(caller, run_id, lock=True))


class _Found(NamedTuple):
    """An owner, its artifact URI, its experiment if it has one, and whether it is deleted."""

    owner: Owner
    root_uri: str
    experiment: int | None = None
    is_deleted: bool = False


def _check_writable(caller: Caller, run_id: str, found: _Found) -> Owner:
    if found.experiment is not None:
        check_role(caller, found.experiment, GrantRole.WRITER)
    if found.is_deleted:
        raise deleted_error(run_id)
    if found.owner.sql is _OF_MODELS:
        logged_models.check_active(found.owner.id)
    return found.owner


def _find_owner(caller: Caller, run_id: str, *, lock: bool = False) -> _Found:
    if run_id == PROXY:
        check_admin(caller)
        if lock:
            _LOCK_PROXY.rows("artifact_proxy")
        return _Found(Owner(_OF_PROXY, 0), PROXY)
    if run_id.startswith("m-"):
        row = (_LOCK_MODEL if lock else _MODEL).first(caller, run_id)
        if row is None:
            raise logged_models.not_found_error(run_id)
        found = _Found(Owner(_OF_MODELS, row[0]), *row[1:])
    else:
        row = (_LOCK_RUN if lock else _RUN).first(caller, run_id)
        if row is None:
            raise not_found_error(run_id)
        found = _Found(Owner(_OF_RUNS, row[0]), *row[1:])
    if not found.root_uri.startswith("mlflow-artifacts:/"):
        raise FailedPrecondition(
            f"The artifacts of run {run_id} are at {found.root_uri}, which is not under this "
            "server",
            reason="ARTIFACTS_ELSEWHERE",
            field="run_id",
            value=run_id,
            artifact_uri=found.root_uri,
        )
    return found
