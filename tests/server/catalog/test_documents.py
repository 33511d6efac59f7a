"""DocumentService: rows V1 to V3 of docs/behaviour.md."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode

from runstream.errors import FailedPrecondition
from runstream.v1 import document_service_pb2 as pb
from runstream.v1.document_pb2 import Document, DocumentKind
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.write_pb2 import WriteId
from runstream_service.access.caller import ANYONE
from runstream_service.catalog import document_updates
from runstream_service.catalog.document_updates import NewDocument
from runstream_service.catalog.documents import DocumentKind as DocumentKindOfStore
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from support.api import Api, expect_refusal
from support.server_process import ServerProcess

VIEW, REPORT = DocumentKind.DOCUMENT_KIND_VIEW, DocumentKind.DOCUMENT_KIND_REPORT


@pytest.fixture
def experiment(shared: Api) -> str:
    return shared.create_experiment(secrets.token_hex(8))


def create(api: Api, experiment_id: str, kind: Any, title: str, text: str, **more: Any) -> Document:
    request = pb.CreateDocumentRequest(
        experiment_id=experiment_id, kind=kind, title=title, text=text, **more
    )
    return api.documents.CreateDocument(request).document


def get(api: Api, document_id: str) -> Document:
    return api.documents.GetDocument(pb.GetDocumentRequest(document_id=document_id)).document


def update(api: Api, document: Document, **change: Any) -> Document:
    request = pb.UpdateDocumentRequest(document_id=document.document_id, **change)
    return api.documents.UpdateDocument(request).document


def titles(api: Api, experiment_id: str, kind: Any, size: int = 0, **more: Any) -> list[str]:
    request = pb.ListDocumentsRequest(
        experiment_id=experiment_id, kind=kind, max_results=size, **more
    )
    found: list[str] = []
    while True:
        answer = api.documents.ListDocuments(request)
        assert all(not document.text for document in answer.documents)
        assert len(answer.documents) <= (size or 100)
        found += [document.title for document in answer.documents]
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def test_a_document_comes_back_as_it_was_written_until_it_is_deleted(
    shared: Api, experiment: str
) -> None:
    """V1."""
    text = "# Größe\0 δ\n" * 90_000  # 990,000 characters, with one that PostgreSQL cannot store
    report = create(shared, experiment, REPORT, "Was gefunden wurde", text)
    assert get(shared, report.document_id) == report
    assert (report.text, report.version, report.is_default) == (text, 1, False)
    assert report.creation_time == report.last_update_time > 1_600_000_000_000
    create(shared, experiment, VIEW, "Was gefunden wurde", "x=time")  # another kind
    assert titles(shared, experiment, REPORT) == ["Was gefunden wurde"]
    for _ in range(2):  # a deletion may come again
        request = pb.DeleteDocumentRequest(document_id=report.document_id)
        shared.documents.DeleteDocument(request)
    with expect_refusal(StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND"):
        get(shared, report.document_id)


@pytest.mark.parametrize(
    ("fields", "reason", "limit"),
    [
        ({"title": "x" * 251}, "VALUE_TOO_LONG", "250"),
        ({"title": "a\nb"}, "TITLE_MALFORMED", "no control characters"),
        ({"title": " "}, "TITLE_EMPTY", ""),
        ({"kind": REPORT, "title": ""}, "TITLE_EMPTY", ""),
        ({"kind": 0}, "KIND_UNKNOWN", "DOCUMENT_KIND_VIEW, DOCUMENT_KIND_REPORT"),
        ({"text": "x" * 250_001}, "VALUE_TOO_LONG", "250000"),
        ({"kind": REPORT, "text": "x" * 1_000_001}, "VALUE_TOO_LONG", "1000000"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_limit(
    shared: Api, experiment: str, fields: dict[str, Any], reason: str, limit: str
) -> None:
    """V1."""
    asked: dict[str, Any] = {"kind": VIEW, "title": "t", "text": "x", **fields}
    with expect_refusal(StatusCode.INVALID_ARGUMENT, reason) as refusal:
        create(shared, experiment, **asked)
    assert refusal.metadata.get("limit", "") == limit
    assert titles(shared, experiment, asked["kind"] or VIEW) == []


def test_no_edit_is_lost_silently(shared: Api, experiment: str) -> None:
    """V2."""
    first = create(shared, experiment, REPORT, "r", "one")
    second = update(shared, first, version=1, text="two")
    assert (second.version, second.text, second.title) == (2, "two", "r")
    for version in (1, 0, 3):
        with expect_refusal(StatusCode.ABORTED, "DOCUMENT_CHANGED") as refusal:
            update(shared, first, version=version, text="mine")
    assert refusal.metadata["limit"] == "2"
    assert get(shared, first.document_id) == second
    view = create(shared, experiment, VIEW, "v", "")
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "VALUE_TOO_LONG"):
        update(shared, view, version=1, text="x" * 250_001)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "TITLE_EMPTY"):
        update(shared, view, version=1, title="")


def test_a_title_is_there_once_of_each_kind(shared: Api, experiment: str) -> None:
    """V1."""
    first = create(shared, experiment, VIEW, "a", "")
    other = create(shared, experiment, VIEW, "b", "")
    with expect_refusal(StatusCode.ALREADY_EXISTS, "DOCUMENT_EXISTS") as refusal:
        create(shared, experiment, VIEW, "a", "x=time")
    assert refusal.metadata["document_id"] == first.document_id
    with expect_refusal(StatusCode.ALREADY_EXISTS, "DOCUMENT_EXISTS"):
        update(shared, other, version=1, title="a")
    assert update(shared, other, version=1, title="b").version == 2


def test_a_link_to_what_names_ten_thousand_runs_is_kept(shared: Api, experiment: str) -> None:
    """V3."""
    text = "hidden=." + 10_000 * "x4PpQ0mBTbG8cJ0t2cJw7A"  # as the interface writes their ids
    assert get(shared, create(shared, experiment, VIEW, "", text).document_id).text == text


def test_a_view_without_a_title_is_one_for_each_text_and_stays_as_it_is(
    shared: Api, experiment: str
) -> None:
    """V3."""
    first = create(shared, experiment, VIEW, "", "filter=a")
    assert create(shared, experiment, VIEW, "", "filter=a") == first
    assert create(shared, experiment, VIEW, "", "filter=b").document_id != first.document_id
    create(shared, experiment, VIEW, "named", "filter=a")
    assert titles(shared, experiment, VIEW) == ["named"]
    assert titles(shared, experiment, VIEW, 1, untitled=True) == ["", ""]
    for change in ({"text": "x"}, {"title": "x"}, {"is_default": True}):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "VIEW_UNTITLED"):
            update(shared, first, version=1, **change)


def test_one_view_is_the_default_and_the_first_of_its_list(shared: Api, experiment: str) -> None:
    """V3."""
    views = {title: create(shared, experiment, VIEW, title, "") for title in "cabdé"}
    assert titles(shared, experiment, VIEW, 2) == ["a", "b", "c", "d", "é"]
    update(shared, views["a"], is_default=True)
    default = update(shared, views["d"], is_default=True)
    assert (default.is_default, default.version) == (True, 1)
    assert not get(shared, views["a"].document_id).is_default
    for size in (1, 2, 5):
        assert titles(shared, experiment, VIEW, size) == ["d", "a", "b", "c", "é"]
    update(shared, views["d"], is_default=False)
    assert titles(shared, experiment, VIEW) == ["a", "b", "c", "d", "é"]
    report = create(shared, experiment, REPORT, "r", "")
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "DEFAULT_NOT_VIEW"):
        update(shared, report, is_default=True)


def test_writes_that_are_sent_again_change_nothing_more(shared: Api, experiment: str) -> None:
    """V2, P3."""
    write = WriteId(writer=secrets.token_hex(16), sequence=1)
    created = create(shared, experiment, VIEW, "v", "one", write=write)
    assert create(shared, experiment, VIEW, "v", "one", write=write) == created
    renamed = update(shared, created, version=1, title="renamed")
    assert create(shared, experiment, VIEW, "v", "one", write=write) == renamed
    created = update(shared, renamed, version=2, title="v")
    again = WriteId(writer=secrets.token_hex(16), sequence=1)
    update(shared, created, version=3, text="two", write=again)
    latest = update(shared, created, version=4, text="three")
    assert update(shared, created, version=3, text="two", write=again) == latest
    shared.documents.DeleteDocument(pb.DeleteDocumentRequest(document_id=created.document_id))
    with expect_refusal(StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND"):
        create(shared, experiment, VIEW, "v", "one", write=write)


def test_documents_of_a_deleted_experiment_are_read_only_and_purged_with_it(
    server: ServerProcess, api: Api
) -> None:
    """V1, E5."""
    experiment = api.create_experiment("gone")
    ids = [create(api, experiment, REPORT, str(n), "x" * 10_000).document_id for n in range(100)]
    document = get(api, ids[0])
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    assert get(api, ids[0]) == document
    for write in (
        lambda: create(api, experiment, VIEW, "", "x"),
        lambda: update(api, document, version=1, text="x"),
        lambda: api.documents.DeleteDocument(pb.DeleteDocumentRequest(document_id=ids[0])),
    ):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "EXPERIMENT_DELETED"):
            write()
    list(api.maintenance.Purge(PurgeRequest()))
    for document_id in (ids[0], ids[-1]):
        with expect_refusal(StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND"):
            get(api, document_id)
    assert server.process.poll() is None


@pytest.mark.sqlite
def test_links_keep_nobody_from_saving_and_neither_grows_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V1."""
    monkeypatch.setattr(document_updates, "MAX_DOCUMENTS", 2)
    store = Store.open(SqliteEngine(tmp_path / "runs.db"))
    with store.engine.connection_context():
        for is_titled in (False, True):

            def add(number: int, is_titled: bool = is_titled) -> None:
                title = f"t{number}" if is_titled else ""
                new = NewDocument(DocumentKindOfStore.VIEW, title, str(number))
                with store.engine.write_transaction():
                    document_updates.create(ANYONE, "0", new, None)

            add(1)
            add(2)
            with pytest.raises(FailedPrecondition, match="has 2 ") as refusal:
                add(3)
            assert refusal.value.reason == "DOCUMENTS_TOO_MANY"
    store.close()
