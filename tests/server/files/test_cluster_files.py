"""Several servers with one PostgreSQL and one artifact root: uploads, contents and deletions."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from runstream.v1.artifact_service_pb2 import DeleteArtifactsRequest
from support.api import Api, expect_refusal
from support.artifacts import (
    MIB,
    chunk_parts,
    download,
    end_part,
    files_below,
    half_open,
    list_paths,
    orphan_blob_names,
    start_part,
    upload,
    uploaded_bytes,
)
from support.cluster import Cluster
from support.postgres import Postgres
from support.server_process import ServerProcess
from support.waiting import wait_until

ID = "0123456789abcdef" * 2
Connect = Callable[[str], Api]


@pytest.fixture
def cluster(postgres: Postgres, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, postgres.create_database(), size=2)
    yield cluster
    cluster.stop()


@pytest.fixture
def apis(cluster: Cluster, connect: Connect) -> list[Api]:
    return [connect(server.address) for server in cluster.servers]


def test_an_upload_that_broke_off_at_a_killed_server_goes_on_at_another(
    cluster: Cluster, apis: list[Api]
) -> None:
    first, second = apis
    run_id, content = first.create_run(), os.urandom(6 * MIB + 7)
    with half_open(first, start_part(run_id, "f", ID), *chunk_parts(content[: 4 * MIB])):
        wait_until(lambda: uploaded_bytes(second, run_id, ID) == 4 * MIB, 20)
        cluster.servers[0].kill()
    upload(second, run_id, "f", content, ID, 4 * MIB)
    assert download(second, run_id, "f") == content
    assert len(files_below(cluster.artifact_root)) == 1


def test_a_stream_that_goes_on_at_another_server_cuts_off_the_one_before(
    cluster: Cluster, apis: list[Api]
) -> None:
    """Whatever the first still sends is not in the file."""
    first, second = apis
    run_id, content = first.create_run(), os.urandom(4 * MIB)
    with half_open(first, start_part(run_id, "f", ID), *chunk_parts(content[: 2 * MIB])) as older:
        wait_until(lambda: uploaded_bytes(second, run_id, ID) == 2 * MIB, 20)
        newer = half_open(
            second, start_part(run_id, "f", ID, 2 * MIB), *chunk_parts(content[2 * MIB : 3 * MIB])
        )
        with newer as going_on:
            wait_until(lambda: uploaded_bytes(first, run_id, ID) == 3 * MIB, 20)
            for request in chunk_parts(os.urandom(8 * MIB)):
                older.more.put(request)
            with expect_refusal(StatusCode.FAILED_PRECONDITION, "UPLOAD_OFFSET"):
                older.result()
            for request in chunk_parts(content[3 * MIB :]):
                going_on.more.put(request)
            going_on.more.put(end_part(content))
            assert going_on.result().file.file_size == 4 * MIB
    assert download(first, run_id, "f") == content
    assert len(files_below(cluster.artifact_root)) == 1


def test_what_a_killed_server_left_is_removed_by_another_and_what_it_writes_is_not(
    cluster: Cluster, apis: list[Api]
) -> None:
    """An upload that another server is at work on has not broken off, however large it is."""
    uploads = cluster.artifact_root / "uploads"
    uploads.mkdir(parents=True)
    ages = {"0": 3_700, "1": 3_500, "2": 120, "3": 1}
    files = {digit: uploads / f"{digit * 32}.{digit * 16}" for digit in ages}
    for digit, file in files.items():
        file.touch()
        if digit == "3":
            os.truncate(file, 64 * 2**30)  # sparse
        os.utime(file, (time.time() - ages[digit],) * 2)
    upload(apis[0], apis[0].create_run(), "f", b"x")
    wait_until(lambda: not files["2"].exists() or not files["0"].exists(), 20)
    wait_until(lambda: not any(files[digit].exists() for digit in "0"), 20)
    assert files["3"].exists()


def test_a_server_that_keeps_artifacts_in_a_folder_of_its_own_says_so(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.create_database()
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_ARTIFACT_ROOT": ""}, url=url)
    (line,) = server.stop().splitlines()
    assert f"artifacts are in {tmp_path / 'artifacts'}, which other servers" in line
    assert line.endswith("give all of them one folder or bucket by --artifact-root")
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_ARTIFACT_ROOT": "shared"}, url=url)
    assert server.stop() == ""


def test_a_server_with_another_artifact_root_than_the_database_was_used_with_says_so(
    postgres: Postgres, tmp_path: Path, connect: Connect
) -> None:
    url = postgres.create_database()

    def start(root: str) -> tuple[ServerProcess, Api]:
        environment = {"RUNSTREAM_ARTIFACT_ROOT": root}
        server = ServerProcess(tmp_path / "runs.db", environment, url=url)
        return server, connect(server.address)

    server, api = start("ours")
    run_id = api.create_run()
    upload(api, run_id, "f", b"content")
    assert server.stop() == ""
    server, api = start("other")
    with expect_refusal(StatusCode.DATA_LOSS, "ARTIFACT_CONTENT_MISSING"):
        download(api, run_id, "f")
    assert server.process.stderr is not None
    said = [server.process.stderr.readline() for _ in range(2)]  # in whichever order
    warning, lost = sorted(said, key=lambda line: "is missing in the artifact root" in line)
    assert "/other, which lacks the newest content of this database: give all its" in warning
    assert "is missing in the artifact root" in lost
    assert server.stop() == ""
    server, api = start("ours")
    assert download(api, run_id, "f") == b"content"
    assert server.stop() == ""


def test_the_same_files_are_stored_and_deleted_at_two_servers_at_once(
    cluster: Cluster, apis: list[Api]
) -> None:
    """Each file is there as a whole or not at all, and no content is left that no file has."""
    run_ids = [apis[0].create_run() for _ in range(3)]
    contents = [os.urandom(100) for _ in range(3)]

    def work(number: int) -> None:
        dice, api, run_id = random.Random(number), apis[number % 2], run_ids[number % 3]
        for _ in range(25):
            path = f"f{dice.randrange(4)}"
            if dice.random() < 0.6:
                upload(api, run_id, path, dice.choice(contents))
            else:
                deletion = DeleteArtifactsRequest(run_id=run_id, path=path)
                try:
                    api.artifacts.DeleteArtifacts(deletion)
                except grpc.RpcError as error:
                    if error.code() is not StatusCode.NOT_FOUND:
                        raise

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    stored = {
        download(apis[0], run_id, path)
        for run_id in run_ids
        for path in list_paths(apis[1], run_id)
    }
    assert stored <= set(contents)
    assert orphan_blob_names(cluster.servers[0]) == []
    assert len(files_below(cluster.artifact_root)) == len(stored)
    assert cluster.stop() == ["", ""]


def test_a_path_is_a_file_or_a_folder_whichever_servers_are_asked(
    apis: list[Api],
) -> None:
    run_id = apis[0].create_run()

    def store(place: tuple[Api, str]) -> None:
        with suppress(grpc.RpcError):
            upload(place[0], run_id, place[1], b"x")

    for i in range(10):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(store, [(apis[0], f"{i}"), (apis[1], f"{i}/below")]))
    found = list_paths(apis[0], run_id, recursive=True)
    assert len(found) == 10
