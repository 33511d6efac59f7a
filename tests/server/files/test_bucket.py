"""Artifacts are kept in a bucket of an S3-compatible store (moto's server) as in a folder."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # comes with moto
import pytest
from grpc import StatusCode
from moto.server import ThreadedMotoServer

from runstream.v1.artifact_service_pb2 import DeleteArtifactsRequest
from runstream.v1.run_service_pb2 import CreateRunRequest
from support.access import connect_with_token, create_tokens
from support.api import Api, expect_refusal
from support.artifacts import (
    MIB,
    chunk_parts,
    download,
    end_part,
    half_open,
    list_paths,
    orphan_blob_names,
    start_part,
    upload,
    uploaded_bytes,
)
from support.cluster import Cluster
from support.postgres import Postgres
from support.proxy import Proxy
from support.server_process import ServerProcess
from support.waiting import wait_until

ID = "0123456789abcdef" * 2


class Store:
    """A bucket, and the environment of a server that keeps its artifacts there."""

    def __init__(self, endpoint: str) -> None:
        self.environment = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "RUNSTREAM_ARTIFACT_ROOT": "s3://artifacts/some/prefix",
        }
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )

    def names(self) -> list[str]:
        """The objects in the bucket."""
        found = self.client.list_objects_v2(Bucket="artifacts").get("Contents", [])
        return [entry["Key"] for entry in found]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint: str) -> Iterator[Store]:
    store = Store(endpoint)
    store.client.create_bucket(Bucket="artifacts")
    yield store
    for name in store.names():
        store.client.delete_object(Bucket="artifacts", Key=name)
    store.client.delete_bucket(Bucket="artifacts")
    store.client.close()


def test_files_go_to_a_bucket_and_come_back(
    store: Store, start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(**store.environment)
    api = connect(server.address)
    run_id, content = api.create_run(), os.urandom(20 * MIB + 3)
    for path, part in (("a/large", content), ("a/empty", b""), ("small", b"abc")):
        upload(api, run_id, path, part)
        assert download(api, run_id, path) == part
    upload(api, run_id, "again", content)
    assert (
        download(api, run_id, "a/large", 3 * MIB + 1, 9 * MIB) == content[3 * MIB + 1 :][: 9 * MIB]
    )
    assert download(api, run_id, "a/large", len(content)) == b""
    assert list_paths(api, run_id, recursive=True) == ["a/empty", "a/large", "again", "small"]
    assert len(store.names()) == 5  # three parts, and two small files
    assert all(name.startswith("some/prefix/") for name in store.names())
    assert {file.name for file in server.database.parent.iterdir()} <= {
        f"runs.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock", ".address")
    }
    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id))
    assert store.names() == []


def test_the_object_goes_with_the_last_file_that_has_it(
    store: Store, start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    api = connect(start_server(**store.environment).address)
    run_id = api.create_run()
    upload(api, run_id, "a", b"one")
    upload(api, run_id, "b", b"one")
    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id, path="a"))
    assert len(store.names()) == 1
    upload(api, run_id, "b", b"two")
    assert len(store.names()) == 1
    assert download(api, run_id, "b") == b"two"
    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id))
    assert store.names() == []


def test_while_the_bucket_cannot_be_reached_nothing_is_lost(
    store: Store, start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(**store.environment)
    api = connect(server.address)
    run_id, content = api.create_run(), os.urandom(2 * MIB)
    upload(api, run_id, "before", b"x")
    (name,) = store.names()
    store.client.delete_object(Bucket="artifacts", Key=name)
    store.client.delete_bucket(Bucket="artifacts")
    with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE"):
        upload(api, run_id, "f", content, ID)
    with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE"):
        download(api, run_id, "before")
    assert list_paths(api, run_id) == ["before"]
    assert uploaded_bytes(api, run_id, ID) == 0
    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id))
    assert name.endswith(tuple(orphan_blob_names(server)))

    store.client.create_bucket(Bucket="artifacts")
    upload(api, run_id, "f", content, ID)
    assert download(api, run_id, "f") == content
    assert "object store failed" in server.stop()


def test_an_object_that_is_gone_is_an_error_for_good_which_names_the_file(
    store: Store, start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(**store.environment)
    api = connect(server.address)
    run_id = api.create_run()
    upload(api, run_id, "f", b"x")
    (name,) = store.names()
    store.client.delete_object(Bucket="artifacts", Key=name)
    for _ in range(2):
        with expect_refusal(StatusCode.DATA_LOSS, "ARTIFACT_CONTENT_MISSING") as refusal:
            download(api, run_id, "f")
    assert f"'f' of run {run_id} is missing" in refusal.message
    assert refusal.metadata["artifact_root"] == "s3://artifacts/some/prefix"
    assert server.stop().count("there is no object") == 1


def test_a_content_that_was_taken_for_forgotten_is_put_again(
    store: Store, start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(**store.environment)
    with sqlite3.connect(server.database) as database:
        database.executescript(
            "CREATE TABLE once (x); INSERT INTO once VALUES (1); "
            "CREATE TRIGGER collected AFTER INSERT ON orphan_blob WHEN EXISTS (SELECT 1 FROM once) "
            "BEGIN DELETE FROM orphan_blob; DELETE FROM once; END"
        )
    api = connect(server.address)
    run_id = api.create_run()
    upload(api, run_id, "f", b"x")
    assert len(store.names()) == 2
    assert download(api, run_id, "f") == b"x"


def test_uploads_that_broke_off_are_removed_when_their_caller_needs_the_room(
    store: Store, start_server: Callable[..., ServerProcess]
) -> None:
    limit = {"RUNSTREAM_ARTIFACT_GIB_PER_CALLER": str(20 / 1024)}
    server = start_server(**store.environment, **limit)
    token = create_tokens(server.address)["ada"]
    with connect_with_token(server.address, token) as api:
        request = CreateRunRequest(experiment_id=api.create_experiment("ours"))
        run_id = api.runs.CreateRun(request).run.info.run_id

        def break_off(path: str, size: int, kept: int) -> None:
            with half_open(api, start_part(run_id, path, ID), *chunk_parts(bytes(size * MIB))):
                wait_until(lambda: uploaded_bytes(api, run_id, ID, path) == kept * MIB, 20)
            time.sleep(0.5)  # until the server knows that it broke off

        break_off("a", 9, 8)
        break_off("b", 17, 16)
        wait_until(lambda: len(store.names()) == 2, 20)
        assert uploaded_bytes(api, run_id, ID, "a") == 0
        upload(api, run_id, "f", bytes(19 * MIB))
        wait_until(lambda: len(store.names()) == 3, 20)
        wait_until(lambda: server.query("SELECT count(*) FROM staged_content") == [(0,)], 20)


@pytest.fixture
def cluster(store: Store, postgres: Postgres, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, postgres.create_database(), 2, store.environment)
    yield cluster
    cluster.stop()


def test_an_upload_that_broke_off_at_a_killed_server_goes_on_at_another(
    store: Store, cluster: Cluster, connect: Callable[[str], Api]
) -> None:
    """What the stream before left in the bucket is removed after an hour."""
    first, second = (connect(server.address) for server in cluster.servers)
    run_id, content = first.create_run(), os.urandom(20 * MIB + 3)
    sent = chunk_parts(content[: 18 * MIB])
    with half_open(first, start_part(run_id, "f", ID), *sent):
        wait_until(lambda: uploaded_bytes(second, run_id, ID) == 16 * MIB, 20)
        cluster.servers[0].kill()
    upload(second, run_id, "f", content, ID, 16 * MIB)
    assert download(second, run_id, "f") == content
    assert uploaded_bytes(second, run_id, ID) == 0
    assert len(store.names()) == 5
    server = cluster.servers[0].restart()
    server.query(f"UPDATE staged_content SET changed = {(time.time() - 3_601) * 1000:.0f}")
    upload(connect(server.address), run_id, "other", b"x")
    wait_until(lambda: len(store.names()) == 4, 20)
    wait_until(lambda: server.query("SELECT count(*) FROM staged_content") == [(0,)], 20)
    assert download(second, run_id, "f") == content


def test_a_stream_that_goes_on_at_another_server_cuts_off_the_one_before(
    cluster: Cluster, connect: Callable[[str], Api]
) -> None:
    first, second = (connect(server.address) for server in cluster.servers)
    run_id, content = first.create_run(), os.urandom(17 * MIB)
    with half_open(first, start_part(run_id, "f", ID), *chunk_parts(content[: 9 * MIB])) as older:
        wait_until(lambda: uploaded_bytes(second, run_id, ID) == 8 * MIB, 20)
        newer = half_open(
            second, start_part(run_id, "f", ID, 8 * MIB), *chunk_parts(content[8 * MIB :])
        )
        with newer as going_on:
            wait_until(lambda: uploaded_bytes(first, run_id, ID) == 16 * MIB, 20)
            for request in chunk_parts(content[9 * MIB :]):
                older.more.put(request)
            older.more.put(end_part(content))
            with expect_refusal(StatusCode.FAILED_PRECONDITION, "UPLOAD_OFFSET"):
                older.result()
            assert list_paths(second, run_id) == []
            going_on.more.put(end_part(content))
            going_on.result()
    assert download(first, run_id, "f") == content


def test_an_upload_that_is_given_up_or_refused_leaves_nothing_in_the_bucket(
    store: Store, start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(**store.environment)
    api = connect(server.address)
    run_id, content = api.create_run(), os.urandom(9 * MIB)
    with half_open(api, start_part(run_id, "f"), *chunk_parts(content)) as call:
        wait_until(lambda: len(store.names()) == 1, 20)
        call.cancel()
    wait_until(lambda: store.names() == [], 20)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "ARTIFACT_CORRUPT"):
        parts = (start_part(run_id, "f", ID), *chunk_parts(content), end_part(b"other"))
        api.artifacts.UploadArtifact(iter(parts), timeout=60)
    assert store.names() == []
    assert server.query("SELECT count(*) FROM staged_content") == [(0,)]


def test_what_is_in_the_bucket_stays_when_it_cannot_be_reached_for_a_while(
    store: Store, tmp_path: Path, connect: Callable[[str], Api]
) -> None:
    endpoint = store.environment["AWS_ENDPOINT_URL"]
    proxy = Proxy(endpoint.removeprefix("http://"))
    through = {"AWS_ENDPOINT_URL": proxy.uri.replace("grpc", "http")}
    server = ServerProcess(tmp_path / "runs.db", store.environment | through)
    api = connect(server.address)
    run_id, content = api.create_run(), os.urandom(17 * MIB)
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content[: 9 * MIB])) as call:
        wait_until(lambda: len(store.names()) == 1, 20)
        proxy.close()
        for request in chunk_parts(content[9 * MIB :]):
            call.more.put(request)
        call.more.put(end_part(content))
        with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE"):
            call.result()
    assert "object store failed" in server.stop()
    server = ServerProcess(tmp_path / "runs.db", store.environment)
    api = connect(server.address)
    assert uploaded_bytes(api, run_id, ID) == 8 * MIB
    upload(api, run_id, "f", content, ID, 8 * MIB)
    assert download(api, run_id, "f") == content
    server.stop()
