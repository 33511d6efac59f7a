"""The calls of a client about views and reports: one method for each RPC of DocumentService."""

from __future__ import annotations

from collections.abc import Iterator

from runstream import entities
from runstream.contract.messages import new_message
from runstream.transport.connection import Connection
from runstream.v1 import document_service_pb2 as documents


class DocumentCalls:
    """The part of `TrackingClient` that speaks to DocumentService."""

    _connection: Connection

    def create_document(
        self, experiment_id: str, kind: str, title: str, text: str
    ) -> entities.Document:
        """Create a view of the web interface, or a report, and return it (V1).

        Args:
            experiment_id: the experiment that is to have it.
            kind: `view` or `report`.
            title: 1 to 250 characters, unique among those of this kind in the experiment; a
                view may have none, and is then found by its id alone.
            text: of a view the part of an address of the interface behind `?`, up to 250,000
                characters; of a report markdown, up to 1,000,000.

        Raises:
            InvalidArgument: an argument breaks its rule.
            NotFound: there is no such experiment that the caller sees.
            PermissionDenied: the caller may not write to it; a view without a title takes no more
                than to read it.
            AlreadyExists: the title is taken.
            FailedPrecondition: the experiment is deleted, or has too many documents.
        """
        from runstream.entities.document import document_kind_of_name

        request = new_message(
            documents.CreateDocumentRequest,
            experiment_id=experiment_id,
            kind=document_kind_of_name(kind),
            title=title,
            text=text,
        )
        answer = self._connection.call(lambda stubs: stubs.documents.CreateDocument, request)
        return entities.Document.from_proto(answer.document)

    def get_document(self, document_id: str) -> entities.Document:
        """Return a view or a report with its text.

        Raises:
            NotFound: there is none of this id that the caller sees.
        """
        request = new_message(documents.GetDocumentRequest, document_id=document_id)
        answer = self._connection.call(lambda stubs: stubs.documents.GetDocument, request)
        return entities.Document.from_proto(answer.document)

    def update_document(
        self,
        document: entities.Document,
        title: str | None = None,
        text: str | None = None,
        is_default: bool | None = None,
    ) -> entities.Document:
        """Change a view or a report, and return it as it is then (V2).

        Args:
            document: as it was when the change was made.
            title: its new title; stays, if left out.
            text: its new text; stays, if left out.
            is_default: whether the interface shows the experiment with this view at first;
                stays, if left out.

        Raises:
            InvalidArgument: an argument breaks its rule.
            NotFound, PermissionDenied: as `create_document`, of the document.
            Aborted: somebody has changed it since it was read.
            AlreadyExists: the title is taken.
            FailedPrecondition: the experiment is deleted, or it is a view without a title.
        """
        request = new_message(
            documents.UpdateDocumentRequest,
            document_id=document.document_id,
            version=document.version,
            title=title,
            text=text,
            is_default=is_default,
        )
        answer = self._connection.call(lambda stubs: stubs.documents.UpdateDocument, request)
        return entities.Document.from_proto(answer.document)

    def delete_document(self, document_id: str) -> None:
        """Delete a view or a report for good; one that is not there is no error.

        Raises:
            PermissionDenied: the caller may not write to its experiment.
            FailedPrecondition: the experiment is deleted.
        """
        request = new_message(documents.DeleteDocumentRequest, document_id=document_id)
        self._connection.call(lambda stubs: stubs.documents.DeleteDocument, request)

    def list_documents(self, experiment_id: str, kind: str) -> Iterator[entities.Document]:
        """Yield the views or the reports that an experiment has, without their texts, page by page.

        The default view is the first; the others follow by title.

        Args:
            experiment_id: the experiment.
            kind: `view` or `report`.

        Raises:
            NotFound: there is no such experiment that the caller sees.
        """
        from runstream.entities.document import document_kind_of_name

        request = new_message(
            documents.ListDocumentsRequest,
            experiment_id=experiment_id,
            kind=document_kind_of_name(kind),
            max_results=1000,
        )
        while True:
            answer = self._connection.call(lambda stubs: stubs.documents.ListDocuments, request)
            yield from map(entities.Document.from_proto, answer.documents)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token
