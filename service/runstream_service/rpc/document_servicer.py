"""DocumentService."""

from __future__ import annotations

from functools import partial

from runstream.errors import InvalidArgument
from runstream.rules import (
    check_document_id,
    check_text,
    check_title,
)
from runstream.v1 import document_service_pb2 as pb
from runstream.v1.document_pb2 import Document
from runstream.v1.document_pb2 import DocumentKind as KindOfContract
from runstream.v1.document_service_pb2_grpc import DocumentServiceServicer
from runstream_service.catalog import document_updates, documents
from runstream_service.catalog.documents import DocumentKind
from runstream_service.engine import tables
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.page_token import (
    check_page_size,
    decode_page_token,
    encode_page_token,
)
from runstream_service.rpc.write_id import write_id

_PAGE, MAX_PAGE = 100, 1_000


class DocumentServicer(DocumentServiceServicer):
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def CreateDocument(
        self, request: pb.CreateDocumentRequest, context: CallContext
    ) -> pb.CreateDocumentResponse:
        kind = _kind(request.kind)
        if request.title or kind is not DocumentKind.VIEW:
            check_title("title", request.title)
        check_text("text", request.text, documents.MAX_CHARACTERS[kind])
        document = await self._writer.submit(
            document_updates.create,
            context.caller,
            request.experiment_id,
            document_updates.NewDocument(kind, request.title, request.text),
            write_id(request.write),
        )
        return pb.CreateDocumentResponse(document=_message(document))

    async def GetDocument(
        self, request: pb.GetDocumentRequest, context: CallContext
    ) -> pb.GetDocumentResponse:
        check_document_id("document_id", request.document_id)
        found = await self._readers.quick(documents.get, context.caller, request.document_id)
        return pb.GetDocumentResponse(document=_message(found))

    async def UpdateDocument(
        self, request: pb.UpdateDocumentRequest, context: CallContext
    ) -> pb.UpdateDocumentResponse:
        check_document_id("document_id", request.document_id)
        has = request.HasField
        change = document_updates.Change(
            version=request.version,
            title=request.title if has("title") else None,
            text=request.text if has("text") else None,
            is_default=request.is_default if has("is_default") else None,
        )
        if change.title is not None:
            check_title("title", change.title)
        document = await self._writer.submit(
            document_updates.update,
            context.caller,
            request.document_id,
            change,
            write_id(request.write),
        )
        return pb.UpdateDocumentResponse(document=_message(document))

    async def DeleteDocument(
        self, request: pb.DeleteDocumentRequest, context: CallContext
    ) -> pb.DeleteDocumentResponse:
        check_document_id("document_id", request.document_id)
        await self._writer.submit(document_updates.delete, context.caller, request.document_id)
        return pb.DeleteDocumentResponse()

    async def ListDocuments(
        self, request: pb.ListDocumentsRequest, context: CallContext
    ) -> pb.ListDocumentsResponse:
        kind = _kind(request.kind)
        check_page_size(request.max_results, MAX_PAGE)
        limit = request.max_results or _PAGE
        query = ("documents", request.experiment_id, kind, request.untitled)
        find = partial(documents.page, untitled=request.untitled)
        found = await self._readers.page(
            find,
            context.caller,
            request.experiment_id,
            kind,
            decode_page_token(query, request.page_token, 3),
            limit + 1,
        )
        is_more = len(found) > limit
        return pb.ListDocumentsResponse(
            documents=map(_message, found[:limit]),
            next_page_token=(
                encode_page_token(query, documents.position(found[limit - 1])) if is_more else ""
            ),
        )


def _kind(kind: KindOfContract.ValueType) -> DocumentKind:
    if kind in KindOfContract.values() and kind:
        return DocumentKind(kind)
    names = ", ".join(KindOfContract.keys()[1:])
    raise InvalidArgument(
        f"Invalid value {kind} for parameter 'kind' supplied: it must be one of {names}",
        reason="KIND_UNKNOWN",
        field="kind",
        value=kind,
        limit=names,
    )


def _message(row: tables.Document) -> Document:
    return Document(
        document_id=row.uuid,
        experiment_id=str(row.experiment_id),
        kind=KindOfContract.ValueType(row.kind),
        title=row.title,
        text=row.text,
        is_default=row.is_default,
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        created_by=row.created_by,
        last_updated_by=row.last_updated_by,
        version=row.version,
    )
