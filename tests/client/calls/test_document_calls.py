"""Views and reports by `TrackingClient` and over REST: rows V1 and V2 of docs/behaviour.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from runstream import TrackingClient
from runstream.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from support.server_process import ServerProcess


def test_a_report_is_written_changed_listed_and_deleted(client: TrackingClient) -> None:
    experiment = client.create_experiment("e")
    report = client.create_document(experiment, "report", "Findings", "# One")
    assert client.get_document(report.document_id) == report
    assert (report.kind, report.version, report.text) == ("report", 1, "# One")
    changed = client.update_document(report, text="# Two")
    assert (changed.version, changed.title, changed.text) == (2, "Findings", "# Two")
    with pytest.raises(Aborted, match="has version 2, not 1"):
        client.update_document(report, text="# Mine")
    with pytest.raises(AlreadyExists, match="'Findings'"):
        client.create_document(experiment, "report", "Findings", "")
    with pytest.raises(InvalidArgument, match="DOCUMENT_KIND_VIEW"):
        client.create_document(experiment, "page", "Findings", "")
    view = client.create_document(experiment, "view", "Mine", "x=time")
    assert client.update_document(view, is_default=True).is_default
    client.create_document(experiment, "view", "", "x=time")
    assert [found.title for found in client.list_documents(experiment, "view")] == ["Mine"]
    client.delete_document(report.document_id)
    assert list(client.list_documents(experiment, "report")) == []
    with pytest.raises(NotFound):
        client.get_document(report.document_id)


def test_documents_have_routes_and_a_conflict_is_a_status_of_its_own(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    url = f"{server.http}/api/1.0/runstream/documents"
    asked = {"experiment_id": "0", "kind": "DOCUMENT_KIND_REPORT", "title": "r", "text": "one"}
    created = requests.post(url, json=asked, timeout=30).json()["document"]
    of_it = f"{url}/{created['document_id']}"
    change = {"version": created["version"], "text": "two"}
    changed = requests.patch(of_it, json=change, timeout=30).json()["document"]
    assert changed == requests.get(of_it, timeout=30).json()["document"]
    conflict = requests.patch(of_it, json=change, timeout=30)
    assert (conflict.status_code, conflict.json()["error_code"]) == (409, "ABORTED")
    listing = {"experiment_id": "0", "kind": "DOCUMENT_KIND_REPORT"}
    (listed,) = requests.get(url, params=listing, timeout=30).json()["documents"]
    assert (listed["title"], listed.get("text", "")) == ("r", "")
    assert requests.delete(of_it, timeout=30).status_code == 200
    assert requests.get(of_it, timeout=30).status_code == 404
