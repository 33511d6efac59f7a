"""Documents are created, changed and deleted here, on the writer's thread.

The experiment is locked first. So there is one writer of its documents at a time, and what is
looked at stays as it is until the commit.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from peewee import fn

from runstream.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
)
from runstream.rules import check_text
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.catalog import experiments
from runstream_service.catalog.documents import MAX_CHARACTERS, DocumentKind, find, get
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId, derive_id
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Document

#: An experiment has at most so many documents with a title, and as many views without one.
MAX_DOCUMENTS = 10_000

_OF_EXPERIMENT = Document.experiment == 0
_COUNT_TITLED = Statement(
    Document.select(fn.COUNT(Document.id)).where(_OF_EXPERIMENT & (Document.title != ""))
)
_COUNT_UNTITLED = Statement(
    Document.select(fn.COUNT(Document.id)).where(_OF_EXPERIMENT & (Document.title == ""))
)


class NewDocument(NamedTuple):
    """What is to be created; without a title it is a view that only a link names."""

    kind: DocumentKind
    title: str
    text: str


class Change(NamedTuple):
    """What is to be other of a document, and the version that the change was made to."""

    version: int
    title: str | None = None
    text: str | None = None
    is_default: bool | None = None


def create(caller: Caller, experiment_id: str, new: NewDocument, write: WriteId | None) -> Document:
    """Create a document, or return the view without a title that has the same text.

    A creation that is repeated returns the document that it created, as it is now (P3).

    Raises:
        InvalidArgument, NotFound, PermissionDenied, FailedPrecondition: as
            `experiments.lock_active`; a view without a title takes no more than to see it.
        NotFound: it is repeated, and the document that it created was deleted.
        FailedPrecondition: the experiment has too many documents.
        AlreadyExists: the title is taken.
    """
    needed = GrantRole.WRITER if new.title else GrantRole.READER
    experiment = experiments.lock_active(caller, experiment_id, needed).id
    digest = b"" if new.title else hashlib.sha256(new.text.encode()).digest()
    document_id = derive_id("document", str(experiment), write if new.title else None)
    if new.title and applied_writes.to_experiment.was_applied(experiment, write):
        return get(caller, document_id)
    same = _find_same(experiment, new.kind, new.title, digest)
    if same is not None:
        if new.title:
            raise _title_taken_error(same)
        return same
    _check_room(experiment, is_titled=bool(new.title))
    if new.title:
        applied_writes.to_experiment.record(experiment, write)
    created = now()
    return Document.create(
        uuid=document_id,
        experiment=experiment,
        **new._asdict(),
        digest=digest,
        is_default=False,
        creation_time=created,
        last_update_time=created,
        created_by=caller.name,
        last_updated_by=caller.name,
        version=1,
    )


def update(caller: Caller, document_id: str, change: Change, write: WriteId | None) -> Document:
    """Change a document and return it.

    Raises:
        NotFound: there is none of this id that the caller sees.
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: its experiment is deleted, or it has no title.
        InvalidArgument: it is a report and is to be the default view, or the text is too long.
        Aborted: it has another version than the one that was changed.
        AlreadyExists: the title is taken.
    """
    document = _lock(caller, document_id)
    experiment = document.experiment_id
    if applied_writes.to_experiment.was_applied(experiment, write):
        return document
    _check_change(document, change)
    applied_writes.to_experiment.record(experiment, write)
    if change.is_default:
        former = (Document.experiment == experiment) & Document.is_default
        Document.update(is_default=False).where(former).execute()
    if change.is_default is not None:
        document.is_default = change.is_default
    if change.title is not None or change.text is not None:
        document.title = document.title if change.title is None else change.title
        document.text = document.text if change.text is None else change.text
        document.version += 1
        document.last_update_time = now()
        document.last_updated_by = caller.name
    document.save()
    return document


def delete(caller: Caller, document_id: str) -> None:
    """Delete a document, if there is one of this id that the caller sees.

    Raises:
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: its experiment is deleted.
    """
    if find(caller, document_id) is not None:
        _lock(caller, document_id).delete_instance()


def _lock(caller: Caller, document_id: str) -> Document:
    """Return a document that stays as it is until the commit."""
    experiment = get(caller, document_id).experiment_id
    experiments.lock_active(caller, str(experiment), GrantRole.WRITER)
    return get(caller, document_id)  # as it is now that nobody else can change it


def _check_change(document: Document, change: Change) -> None:
    changes_text = change.title is not None or change.text is not None
    if not document.title:
        raise FailedPrecondition(
            f"View {document.uuid} has no title: links lead to it, so it stays as it is; create a "
            "view with its text and a title",
            reason="VIEW_UNTITLED",
            field="document_id",
            value=document.uuid,
        )
    if change.is_default and document.kind != DocumentKind.VIEW:
        raise InvalidArgument(
            "Invalid value True for parameter 'is_default' supplied: only a view can be "
            "the default",
            reason="DEFAULT_NOT_VIEW",
            field="is_default",
            value=True,
            limit="a view",
        )
    if change.text is not None:
        check_text("text", change.text, MAX_CHARACTERS[DocumentKind(document.kind)])
    if (changes_text or change.version) and change.version != document.version:
        raise _changed_error(document, change.version)
    if change.title is not None and change.title != document.title:
        same = _find_same(document.experiment_id, document.kind, change.title, b"")
        if same is not None:
            raise _title_taken_error(same)


def _find_same(experiment: int, kind: int, title: str, digest: bytes) -> Document | None:
    return Document.get_or_none(
        Document.experiment == experiment,
        Document.kind == kind,
        Document.title == title,
        Document.digest == digest,
    )


def _check_room(experiment: int, *, is_titled: bool) -> None:
    row = (_COUNT_TITLED if is_titled else _COUNT_UNTITLED).first(experiment, "")
    if row is not None and row[0] >= MAX_DOCUMENTS:
        which = "documents with a title" if is_titled else "views without a title"
        raise FailedPrecondition(
            f"Experiment {experiment} has {MAX_DOCUMENTS:,} {which}; delete some",
            reason="DOCUMENTS_TOO_MANY",
            field="experiment_id",
            value=experiment,
            limit=MAX_DOCUMENTS,
        )


def _title_taken_error(taken: Document) -> AlreadyExists:
    kind = DocumentKind(taken.kind).name.lower()
    return AlreadyExists(
        f"The experiment has a {kind} with the title {taken.title!r} already",
        reason="DOCUMENT_EXISTS",
        field="title",
        value=taken.title,
        document_id=taken.uuid,
    )


def _changed_error(document: Document, version: int) -> Aborted:
    who = document.last_updated_by or "Somebody"
    return Aborted(
        f"{who} has changed {document.title!r} meanwhile: it has version {document.version}, not "
        f"{version}",
        reason="DOCUMENT_CHANGED",
        field="version",
        value=version,
        limit=document.version,
        last_updated_by=document.last_updated_by,
    )
