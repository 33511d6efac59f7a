"""What an experiment has in writing: views of the interface, and reports."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.v1 import document_pb2
from runstream.v1.document_pb2 import DocumentKind

_PREFIX = "DOCUMENT_KIND_"


@dataclass(frozen=True)
class Document:
    """A view of the web interface, or a report.

    Attributes:
        document_id: 32 hexadecimal digits.
        experiment_id: the experiment that has it.
        kind: `view` or `report`.
        title: its title; empty for a view that only a link leads to.
        text: of a view the part of an address of the interface behind `?`, of a report markdown;
            empty in lists.
        is_default: whether the interface shows the experiment with this view at first.
        creation_time: milliseconds since the epoch.
        last_update_time: milliseconds since the epoch.
        created_by: who created it; empty, if the server did not know.
        last_updated_by: who last changed its title or text.
        version: grows by 1 with each change of title or text.
    """

    document_id: str
    experiment_id: str
    kind: str
    title: str
    text: str
    is_default: bool
    creation_time: int
    last_update_time: int
    created_by: str
    last_updated_by: str
    version: int

    @classmethod
    def from_proto(cls, message: document_pb2.Document) -> Document:
        """Convert the message of the contract."""
        return cls(
            document_id=message.document_id,
            experiment_id=message.experiment_id,
            kind=document_kind_name(message.kind),
            title=message.title,
            text=message.text,
            is_default=message.is_default,
            creation_time=message.creation_time,
            last_update_time=message.last_update_time,
            created_by=message.created_by,
            last_updated_by=message.last_updated_by,
            version=message.version,
        )


def document_kind_name(kind: DocumentKind.ValueType) -> str:
    """Return the name of a kind; its number, if only a newer server knows it."""
    known = kind in DocumentKind.values()
    return DocumentKind.Name(kind).removeprefix(_PREFIX).lower() if known else str(kind)


def document_kind_of_name(name: str) -> DocumentKind.ValueType:
    """Return the kind of a name; one that is not stated, which servers refuse, if it is unknown."""
    kinds = dict(DocumentKind.items())
    return kinds.get(f"{_PREFIX}{name.upper()}", DocumentKind.DOCUMENT_KIND_UNSPECIFIED)
