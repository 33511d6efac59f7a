"""Artifacts are kept in a bucket of an S3-compatible store (moto's server) as in a folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import boto3  # type: ignore[import-untyped] # comes with moto
import pytest
from grpc import StatusCode
from moto.server import ThreadedMotoServer

from runstream.v1.artifact_service_pb2 import DeleteArtifactsRequest
from support.api import Api, expect_refusal
from support.artifacts import (
    MIB,
    download,
    files_below,
    list_paths,
    orphan_blob_names,
    upload,
    uploaded_bytes,
)
from support.server_process import ServerProcess

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
    assert len(store.names()) == 3
    assert all(name.startswith("some/prefix/") for name in store.names())
    assert files_below(server.database.with_name("runs.db.uploads")) == []
    assert not server.database.with_name("artifacts").exists()


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
    assert uploaded_bytes(api, run_id, ID) == len(content)
    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id))
    assert name.endswith(tuple(orphan_blob_names(server)))

    store.client.create_bucket(Bucket="artifacts")
    upload(api, run_id, "f", content, ID, len(content))
    assert download(api, run_id, "f") == content
    assert "object store failed" in server.stop()


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
