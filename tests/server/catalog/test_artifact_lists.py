"""Lists of files: pages of folders, however many files there are."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator

import grpc
import pytest
from grpc import StatusCode

from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.artifact_service_pb2 import GetArtifactRequest, ListArtifactsRequest
from runstream_service.catalog import artifact_owners
from runstream_service.engine.sqlite import SqliteEngine
from support.api import Api, expect_refusal
from support.artifacts import list_pages, list_paths, upload
from support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("lists") / "runs.db", url=new_url())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def api(server: ServerProcess) -> Iterator[Api]:
    with grpc.insecure_channel(server.address) as channel:
        yield Api(channel)


def insert(server: ServerProcess, run_id: str, names: list[str]) -> None:
    """Files without the work of uploading them."""
    server.query(
        "INSERT INTO blob (sha256, name, size) VALUES ('s', 'n', 7) ON CONFLICT DO NOTHING"
    )
    for first in range(0, len(names), 10_000):
        rows = ", ".join("('" + name.replace("'", "''") + "')" for name in names[first:][:10_000])
        server.query(
            "INSERT INTO artifact (run_id, path, blob_id, upload_time)"
            " SELECT run.id, file.column1, blob.id, 1 FROM run, blob, "
            f"(VALUES {rows}) AS file WHERE uuid = '{run_id}' AND sha256 = 's'"
        )


def test_a_list_says_what_each_entry_is(api: Api) -> None:
    run_id = api.create_run()
    file = upload(api, run_id, "f", b"abc")
    upload(api, run_id, "empty", b"")
    upload(api, run_id, "folder/g", b"abc")
    (page,) = list_pages(api, run_id)
    assert [entry.path for entry in page] == ["empty", "f", "folder"]
    assert page[0].HasField("file_size")
    assert page[1] == file
    assert page[2] == FileInfo(path="folder", is_dir=True)
    request = GetArtifactRequest(run_id=run_id, path="folder")
    assert api.artifacts.GetArtifact(request).file == page[2]


def test_a_list_carries_the_artifact_uri_of_the_run(api: Api) -> None:
    """R6."""
    run_id = api.create_run()
    answer = api.artifacts.ListArtifacts(ListArtifactsRequest(run_id=run_id))
    assert answer.root_uri == f"mlflow-artifacts:/0/{run_id}/artifacts"


def test_a_missing_folder_is_empty_and_a_file_lists_as_itself(api: Api) -> None:
    run_id = api.create_run()
    upload(api, run_id, "a/b", b"x")
    upload(api, run_id, "a/bc", b"x")
    assert list_paths(api, run_id, "none") == []
    assert list_paths(api, run_id, "a/b/none") == []
    assert list_paths(api, run_id, "a/b") == ["a/b"]
    assert list_paths(api, run_id, "a/b", recursive=True) == ["a/b"]
    assert list_paths(api, api.create_run()) == []


def test_pages_join_to_what_a_plain_program_finds(server: ServerProcess, api: Api) -> None:
    run_id, other = api.create_run(), api.create_run()
    chosen = random.Random(7)
    parts = ["a", "a-", "a.", "a0", "b", "b b", "é", "表", "🎉", "z", "~"]
    ends = ["", " ", " 1", "!", ".txt"]
    files = {
        "/".join([*chosen.choices(parts, k=chosen.randrange(4)), f"{i % 40}{chosen.choice(ends)}"])
        for i in range(400)
    }
    insert(server, run_id, sorted(files))
    insert(server, other, ["a/other", "zz"])
    for folder in ("", "a", "a/b", "🎉", "z/表"):
        first = f"{folder}/" if folder else ""
        below = sorted(file for file in files if file.startswith(first))
        entries = {
            first + name + slash
            for name, slash, _ in (f[len(first) :].partition("/") for f in below)
        }
        for recursive, expected in ((True, below), (False, sorted(entries))):
            assert list_paths(api, run_id, folder, recursive=recursive) == expected
            for size in (1, 7, len(expected), len(expected) + 1):
                if size:
                    found = list(list_pages(api, run_id, folder, recursive=recursive, size=size))
                    joined = [f.path + "/" * f.is_dir for page in found for f in page]
                    assert joined == expected
                    assert all(len(page) == size for page in found[:-1])


def test_a_folder_of_100_000_files_comes_page_by_page(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    names = [f"many/{i:06}" for i in range(100_000)]
    insert(server, run_id, [*names, "zero"])
    assert list_paths(api, run_id) == ["many/", "zero"]
    first = next(list_pages(api, run_id, "many"))
    assert [f.path for f in first] == names[:1000]
    found = list(list_pages(api, run_id, "many", size=10_000))
    assert [len(page) for page in found] == [10_000] * 10
    assert [f.path for page in found for f in page] == names


@pytest.mark.sqlite
def test_a_page_is_read_from_where_it_begins_to_where_it_ends(server: ServerProcess) -> None:
    """No page costs what lies before it: a range of the primary key, and nothing is sorted."""
    with sqlite3.connect(server.database) as database:
        files = artifact_owners._OF_RUNS.files.compile(SqliteEngine(server.database))
        plan = database.execute(f"EXPLAIN QUERY PLAN {files}", (1, "a/", "a0")).fetchall()
    assert [step[3] for step in plan] == [
        "SEARCH t1 USING PRIMARY KEY (run_id=? AND path>? AND path<?)",
        "SEARCH t2 USING INTEGER PRIMARY KEY (rowid=?)",
    ]


def test_a_page_token_is_good_for_its_request_alone(api: Api) -> None:
    run_id, other = api.create_run(), api.create_run()
    for run in (run_id, other):
        for path in ("a/1", "a/2", "b"):
            upload(api, run, path, b"x")
    request = ListArtifactsRequest(run_id=run_id, path="a", max_results=1)
    token = api.artifacts.ListArtifacts(request).next_page_token
    for wrong in (
        ListArtifactsRequest(run_id=other, path="a", page_token=token),
        ListArtifactsRequest(run_id=run_id, page_token=token),
        ListArtifactsRequest(run_id=run_id, path="a", recursive=True, page_token=token),
        ListArtifactsRequest(run_id=run_id, path="a", page_token="made up"),
    ):
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
            api.artifacts.ListArtifacts(wrong)


@pytest.mark.parametrize("size", [-1, 10_001])
def test_a_page_has_at_most_10_000_entries(api: Api, size: int) -> None:
    request = ListArtifactsRequest(run_id=api.create_run(), max_results=size)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_OUT_OF_RANGE") as refusal:
        api.artifacts.ListArtifacts(request)
    assert refusal.metadata["limit"] == "10000"
