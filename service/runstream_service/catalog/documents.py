"""Documents of experiments, read on a reader's thread; `document_updates` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from peewee import Tuple

from runstream.errors import NotFound
from runstream.rules import REPORT_CHARACTERS, VIEW_CHARACTERS
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import VisibleStatement
from runstream_service.catalog import experiments
from runstream_service.engine.tables import Document


class DocumentKind(IntEnum):
    """What the text of a document is."""

    VIEW = 1
    REPORT = 2


#: Characters of a text at the most.
MAX_CHARACTERS = {DocumentKind.VIEW: VIEW_CHARACTERS, DocumentKind.REPORT: REPORT_CHARACTERS}

_OF_UUID = VisibleStatement(Document.select().where(Document.uuid == ""), Document.experiment)
_WITHOUT_TEXT = [field for field in Document._meta.sorted_fields if field is not Document.text]


def find(caller: Caller, document_id: str) -> Document | None:
    """Return a document; None if there is none of this id that the caller sees."""
    found: list[Document] = _OF_UUID.models(caller, Document, document_id)
    return found[0] if found else None


def get(caller: Caller, document_id: str) -> Document:
    """Return a document.

    Raises:
        NotFound: there is none of this id that the caller sees.
    """
    found = find(caller, document_id)
    if found is None:
        raise not_found_error(document_id)
    return found


def not_found_error(document_id: str) -> NotFound:
    """Return the error of a document that is not there, or not for the caller."""
    return NotFound(
        f"No document with id={document_id} exists",
        reason="DOCUMENT_NOT_FOUND",
        field="document_id",
        value=document_id,
    )


def page(
    caller: Caller,
    experiment_id: str,
    kind: DocumentKind,
    after: Sequence[Any] | None,
    limit: int,
    *,
    untitled: bool,
) -> list[Document]:
    """Return documents of an experiment without their texts: the default view, then by title.

    Args:
        caller: who asks.
        experiment_id: the experiment.
        kind: their kind.
        after: what `position` returns of the last document of the page before, if there was one.
        limit: how many at the most.
        untitled: those without a title instead of those with one.

    Raises:
        InvalidArgument: the id is not of the form of one.
        NotFound: there is no experiment of this id that the caller sees.
    """
    experiment = experiments.get(caller, experiment_id).id
    has_title = Document.title == "" if untitled else Document.title != ""
    query = Document.select(*_WITHOUT_TEXT).where(
        (Document.experiment == experiment) & (Document.kind == kind) & has_title
    )
    if after is not None:
        was_default, *place = after
        query = query.where(~Document.is_default)
        if not was_default:
            query = query.where(Tuple(Document.title, Document.id) > Tuple(*place))
    return list(
        query.order_by(Document.is_default.desc(), Document.title, Document.id).limit(limit)
    )


def position(document: Document) -> list[Any]:
    """Return where a document is in the list of `page`."""
    return [document.is_default, document.title, document.id]
