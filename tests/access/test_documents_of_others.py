"""What readers, writers and strangers may do with the documents of an experiment (V4)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest

from runstream.v1 import document_service_pb2 as pb
from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.document_pb2 import Document, DocumentKind
from support.access import GuardedServer
from support.api import Api, expect_refusal

VIEW, REPORT = DocumentKind.DOCUMENT_KIND_VIEW, DocumentKind.DOCUMENT_KIND_REPORT
DENIED = grpc.StatusCode.PERMISSION_DENIED


def create(api: Api, experiment_id: str, kind: Any, title: str, text: str = "") -> Document:
    request = pb.CreateDocumentRequest(
        experiment_id=experiment_id, kind=kind, title=title, text=text
    )
    return api.documents.CreateDocument(request).document


def share(ada: Api, experiment_id: str, grantee: str, role: GrantRole.ValueType) -> None:
    ada.access.SetGrant(SetGrantRequest(experiment_id=experiment_id, grantee=grantee, role=role))


@pytest.mark.parametrize("name", ["bob", "eve"])  # a reader of the server, and a writer
def test_who_reads_an_experiment_reads_its_documents_and_shares_links(
    guarded: GuardedServer, name: str
) -> None:
    ada, reader = guarded.apis["ada"], guarded.apis[name]
    experiment = ada.create_experiment(str(uuid4()))
    report = create(ada, experiment, REPORT, "findings", "secret")
    share(ada, experiment, f"user:{name}", GrantRole.GRANT_ROLE_READER)
    request = pb.GetDocumentRequest(document_id=report.document_id)
    assert reader.documents.GetDocument(request).document.text == "secret"
    link = create(reader, experiment, VIEW, "", "filter=a")
    assert link.created_by == name
    assert create(ada, experiment, VIEW, "", "filter=a") == link
    update = pb.UpdateDocumentRequest(document_id=report.document_id, version=1, text="mine")
    for write in (
        lambda: create(reader, experiment, VIEW, "named"),
        lambda: create(reader, experiment, REPORT, "named"),
        lambda: reader.documents.UpdateDocument(update),
        lambda: reader.documents.DeleteDocument(
            pb.DeleteDocumentRequest(document_id=link.document_id)
        ),
    ):
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            write()
    assert ada.documents.GetDocument(request).document == report


def test_who_writes_to_an_experiment_changes_its_documents_and_is_named(
    guarded: GuardedServer,
) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    experiment = ada.create_experiment(str(uuid4()))
    share(ada, experiment, "user:eve", GrantRole.GRANT_ROLE_WRITER)
    view = create(ada, experiment, VIEW, "v")
    request = pb.UpdateDocumentRequest(document_id=view.document_id, version=1, text="x=time")
    changed = eve.documents.UpdateDocument(request).document
    assert (changed.created_by, changed.last_updated_by, changed.version) == ("ada", "eve", 2)
    with expect_refusal(grpc.StatusCode.ABORTED, "DOCUMENT_CHANGED") as refusal:
        ada.documents.UpdateDocument(request)
    assert refusal.message.startswith("eve has changed")
    assert refusal.metadata["last_updated_by"] == "eve"
    eve.documents.DeleteDocument(pb.DeleteDocumentRequest(document_id=view.document_id))
    listing = pb.ListDocumentsRequest(experiment_id=experiment, kind=VIEW)
    assert not ada.documents.ListDocuments(listing).documents


def test_a_stranger_deletes_nothing_and_is_told_nothing(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    report = create(ada, ada.create_experiment(str(uuid4())), REPORT, "findings")
    eve.documents.DeleteDocument(pb.DeleteDocumentRequest(document_id=report.document_id))
    request = pb.GetDocumentRequest(document_id=report.document_id)
    assert ada.documents.GetDocument(request).document == report
