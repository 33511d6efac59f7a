"""The copy of the reports and views of an experiment."""

from __future__ import annotations

from runstream.entities import Document
from runstream.errors import AlreadyExists
from runstream.importing.copying import Copying
from runstream.importing.destination import Destination
from runstream.importing.report import Report
from runstream.importing.source import SourceDocument


class DocumentCopy(Copying):
    """The copy of documents into one experiment, in which they are found by kind and title."""

    def __init__(self, client: Destination, report: Report, experiment_id: str) -> None:
        super().__init__(client, report)
        self._experiment_id = experiment_id
        self._there: dict[tuple[str, str], Document] | None = None

    def copy(self, document: SourceDocument) -> None:
        """Create a document, unless it is there.

        Raises:
            AlreadyExists: there is another one of this title.
        """
        if self._there is None:
            self._there = {
                (one.kind, one.title): one
                for kind in ("report", "view")
                for one in self.client.list_documents(self._experiment_id, kind)
            }
        found = self._there.get((document.kind, document.title))
        if found is None:
            created = self.client.create_document(
                self._experiment_id, document.kind, document.title, document.text
            )
            if document.is_default:
                self.client.update_document(created, is_default=True)
            self.report.count(documents=1)
        elif self.client.get_document(found.document_id).text != document.text:
            raise AlreadyExists(
                f"there is another {document.kind} of this title, which stays as it is",
                reason="TITLE_TAKEN",
                field="title",
                value=document.title,
            )
