"""MLflow's artifact proxy, for runs and for logged models, and `/get-artifact` (W5)."""

from __future__ import annotations

import socket
import sqlite3
import time
from contextlib import closing

import pytest

from runstream import TrackingClient
from support.rest import Rest
from support.server_process import ServerProcess

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run_id(rest: Rest) -> str:
    return rest.create_run()


def test_a_file_is_put_got_listed_and_deleted(rest: Rest, run_id: str) -> None:  # W5
    folder = f"{rest.uri}{PROXY}/0/{run_id}/artifacts"
    content = bytes(range(256)) * 20_000
    assert rest.session.put(f"{folder}/a/b%20c/ö.bin", data=content).json() == {}
    assert rest.session.put(f"{folder}/top.json", data=b"{}").json() == {}
    got = rest.session.get(f"{folder}/a/b c/ö.bin")
    assert (got.status_code, got.content) == (200, content)
    assert got.headers["x-content-type-options"] == "nosniff"
    listed = rest.session.get(rest.uri + PROXY, params={"path": f"0/{run_id}/artifacts"}).json()
    assert listed["files"] == [
        {"path": "a", "is_dir": True},
        {"path": "top.json", "is_dir": False, "file_size": 2},
    ]
    below = {"path": f"0/{run_id}/artifacts/a/b c"}
    listed = rest.session.get(rest.uri + PROXY, params=below).json()
    assert [file["path"] for file in listed["files"]] == ["ö.bin"]
    assert rest.session.delete(f"{folder}/a").json() == {}
    assert rest.session.get(f"{folder}/a/b c/ö.bin").status_code == 404
    files = rest.get("artifacts/list", run_id=run_id)
    assert [file["path"] for file in files["files"]] == ["top.json"]
    assert files["root_uri"] == f"mlflow-artifacts:/0/{run_id}/artifacts"


def test_what_is_no_folder_lists_as_empty(rest: Rest, run_id: str) -> None:  # W5
    rest.session.put(f"{rest.uri}{PROXY}/0/{run_id}/artifacts/file", data=b"x")
    for path in (f"0/{run_id}/artifacts/no", f"0/{run_id}/artifacts/file", "0", "", "9/none"):
        answer = rest.session.get(rest.uri + PROXY, params={"path": path})
        assert (answer.status_code, answer.json()) == (200, {}), path


def test_a_list_is_whole_or_refused_since_it_has_no_pages(
    server: ServerProcess, rest: Rest, run_id: str
) -> None:
    def insert(names: range) -> None:
        with closing(sqlite3.connect(server.database)) as database, database:
            database.execute("INSERT OR IGNORE INTO blob (sha256, name, size) VALUES ('s', 'n', 7)")
            database.executemany(
                "INSERT INTO artifact SELECT run.id, ?, blob.id, 1, NULL FROM run, blob "
                "WHERE uuid = ? AND sha256 = 's'",
                ((f"many/{name:06}", run_id) for name in names),
            )

    query = {"path": f"0/{run_id}/artifacts/many"}
    insert(range(50_000))
    files = rest.session.get(rest.uri + PROXY, params=query).json()["files"]
    assert [file["path"] for file in files] == [f"{name:06}" for name in range(50_000)]
    insert(range(50_000, 100_001))
    answer = rest.session.get(rest.uri + PROXY, params=query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert f"0/{run_id}/artifacts/many has more than 100000 files" in answer.json()["message"]
    pages = f"{rest.uri}/api/2.0/mlflow/artifacts/list"
    paged = rest.session.get(pages, params={"run_id": run_id, "path": "many"}).json()
    assert paged["next_page_token"]


@pytest.mark.parametrize(
    "path", ["%2e%2e/x", "a/%2e%2e/%2e%2e/x", "a//b", "%2Fetc/passwd", "a%5Cb", "a%00b"]
)
def test_names_that_leave_the_run_are_refused(rest: Rest, run_id: str, path: str) -> None:  # W5
    target = f"{rest.uri}{PROXY}/0/{run_id}/artifacts/{path}"
    answer = rest.session.put(target, data=b"x")
    assert answer.status_code in {400, 404}
    assert rest.get("artifacts/list", run_id=run_id).get("files") is None


def test_a_run_is_not_found_in_another_experiment(rest: Rest, run_id: str) -> None:
    answer = rest.session.put(f"{rest.uri}{PROXY}/7/{run_id}/artifacts/x", data=b"x")
    assert answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_a_large_file_is_streamed_both_ways(server: ServerProcess, rest: Rest, run_id: str) -> None:
    block = bytes(range(256)) * 4096
    target = f"{rest.uri}{PROXY}/0/{run_id}/artifacts/large.bin"
    assert rest.session.put(target, data=iter([block] * 100)).status_code == 200
    with rest.session.get(target, stream=True) as answer:
        assert int(answer.headers["content-length"]) == 100 * len(block)
        assert all(part == block for part in answer.iter_content(len(block)))
    with TrackingClient(server.uri) as client:
        assert client.list_artifacts(run_id)[0].file_size == 100 * len(block)


def test_half_an_upload_leaves_nothing_and_is_no_fault(
    server: ServerProcess, rest: Rest, run_id: str
) -> None:
    host, _, port = rest.uri.removeprefix("http://").rpartition(":")
    path = f"{PROXY}/0/{run_id}/artifacts/half"
    head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(head.encode() + b"x" * 500)
        time.sleep(0.2)  # until it is being read
    time.sleep(0.2)
    assert rest.get("artifacts/list", run_id=run_id).get("files") is None
    rest.session.close()
    assert server.stop() == ""


def test_who_hangs_up_in_the_middle_of_a_download_is_no_fault(
    server: ServerProcess, rest: Rest, run_id: str
) -> None:
    path = f"{PROXY}/0/{run_id}/artifacts/large.bin"
    rest.session.put(rest.uri + path, data=iter([b"x" * 1024 * 1024] * 50))
    host, _, port = rest.uri.removeprefix("http://").rpartition(":")
    for taken in (100, 5_000_000):
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            left = taken
            while left > 0:
                left -= len(caller.recv(min(left, 65_536)))
    assert len(rest.session.get(rest.uri + path).content) == 50 * 1024 * 1024
    rest.session.close()
    assert server.stop() == ""


def test_a_file_is_got_as_mlflows_interface_does(rest: Rest, run_id: str) -> None:
    rest.session.put(f"{rest.uri}{PROXY}/0/{run_id}/artifacts/page.html", data=b"<b>hi</b>")
    answer = rest.session.get(
        f"{rest.uri}/get-artifact", params={"run_uuid": run_id, "path": "page.html"}
    )
    assert answer.text == "<b>hi</b>"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline' data:; img-src data:; "
        "font-src data:; media-src data:; frame-ancestors 'self'"
    )
    missing = rest.session.get(f"{rest.uri}/get-artifact", params={"path": "page.html"})
    assert missing.json()["message"] == (
        "Missing value for required parameter 'run_id'. "
        "See the API docs for more information about request parameters."
    )


def test_a_logged_model_from_its_creation_to_its_purge(server: ServerProcess, rest: Rest) -> None:
    run_id = rest.create_run()
    made = rest.post(
        "logged-models",
        experiment_id="0",
        name="regression",
        model_type="Regressor",
        source_run_id=run_id,
        params=[{"key": "depth", "value": "3"}],
        tags=[{"key": "stage", "value": "trial"}],
    )["model"]
    model_id = made["info"]["model_id"]
    assert made["info"]["status"] == "LOGGED_MODEL_PENDING"
    assert made["info"]["artifact_uri"] == f"mlflow-artifacts:/0/models/{model_id}/artifacts"
    folder = f"{rest.uri}{PROXY}/0/models/{model_id}/artifacts"
    assert rest.session.put(f"{folder}/MLmodel", data=b"flavors: {}").json() == {}
    assert rest.session.get(f"{folder}/MLmodel").content == b"flavors: {}"
    model = f"{rest.uri}/api/2.0/mlflow/logged-models/{model_id}"
    ready = rest.session.patch(model, json={"status": "LOGGED_MODEL_READY"}).json()["model"]
    assert ready["info"]["status"] == "LOGGED_MODEL_READY"
    tagged = rest.session.patch(f"{model}/tags", json={"tags": [{"key": "a", "value": "b"}]})
    assert [tag["key"] for tag in tagged.json()["model"]["info"]["tags"]] == ["a", "stage"]
    assert rest.session.delete(f"{model}/tags/a").json() == {}
    params = {"params": [{"key": "width", "value": "7"}]}
    assert rest.session.post(f"{model}/params", json=params).json() == {}
    files = rest.session.get(f"{model}/artifacts/directories").json()["files"]
    assert [file["path"] for file in files] == ["MLmodel"]
    for found in (
        "name = 'regression' AND params.width = '7' AND tags.stage = 'trial'",
        f"source_run_id = '{run_id}' AND status = 'LOGGED_MODEL_READY'",
    ):
        answer = rest.post("logged-models/search", experiment_ids=["0"], filter=found)
        assert [one["info"]["model_id"] for one in answer["models"]] == [model_id]
    assert rest.post("logged-models/search", filter="name = 'other'") == {}
    assert rest.session.delete(model).json() == {}
    assert rest.session.get(model).json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    with TrackingClient(server.uri) as client:
        (*_, purged) = client.purge()
        assert (purged.artifacts, purged.artifact_bytes) == (1, 11)


def test_models_are_searched_in_pages_and_order(rest: Rest) -> None:
    for i in range(5):
        params = [{"key": "size", "value": str(i)}]
        rest.post("logged-models", experiment_id="0", name=f"model {i}", params=params)
    names: list[str] = []
    body = {"order_by": [{"field_name": "params.size", "ascending": False}], "max_results": 2}
    while True:
        page = rest.post("logged-models/search", body)
        names += [model["info"]["name"] for model in page["models"]]
        if "next_page_token" not in page:
            break
        body["page_token"] = page["next_page_token"]
    assert names == [f"model {i}" for i in (4, 3, 2, 1, 0)]


def test_files_come_one_after_the_other_over_one_connection(rest: Rest, run_id: str) -> None:
    file = f"{rest.uri}{PROXY}/0/{run_id}/artifacts/file"
    for i in range(100):
        content = bytes([i]) * 1000
        assert rest.session.put(file, data=content).status_code == 200
        assert rest.session.get(file).content == content
        assert rest.session.head(file).status_code == 200
