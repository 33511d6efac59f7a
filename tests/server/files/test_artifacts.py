"""Files of runs: what goes in comes out, and is kept once."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest
from grpc import StatusCode

from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.write_pb2 import WriteId
from support.api import Api, expect_refusal
from support.artifacts import (
    MIB,
    chunk_parts,
    download,
    end_part,
    files_below,
    list_paths,
    start_part,
    upload,
    uploaded_bytes,
)


@pytest.mark.parametrize("size", [0, 1, MIB, 5 * MIB + 12_345])
def test_a_file_comes_back_byte_for_byte(shared: Api, size: int) -> None:
    run_id, content = shared.create_run(), os.urandom(size)
    before = time.time_ns() // 1_000_000
    file = upload(shared, run_id, "models/best.bin", content)
    assert (file.path, file.is_dir, file.file_size) == ("models/best.bin", False, size)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert before <= file.upload_time <= time.time_ns() // 1_000_000
    assert download(shared, run_id, "models/best.bin") == content
    request = pb.GetArtifactRequest(run_id=run_id, path="models/best.bin")
    assert shared.artifacts.GetArtifact(request).file == file


def test_a_part_of_a_file_is_that_part(shared: Api) -> None:
    run_id, content = shared.create_run(), os.urandom(9 * MIB + 1)
    upload(shared, run_id, "f", content)
    for offset, length in (
        (0, 1), (1, 0), (MIB - 1, 2), (5, 6 * MIB), (9 * MIB, 100), (len(content), 0), (3, 2**62),
    ):  # fmt: skip
        stop = offset + length if length else None
        assert download(shared, run_id, "f", offset, length) == content[offset:stop]


@pytest.mark.parametrize(
    ("offset", "length", "field"), [(-1, 0, "offset"), (4, 0, "offset"), (0, -1, "length")]
)
def test_a_range_outside_of_the_file_is_refused(
    shared: Api, offset: int, length: int, field: str
) -> None:
    run_id = shared.create_run()
    upload(shared, run_id, "f", b"abc")
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "RANGE_OUTSIDE") as refusal:
        download(shared, run_id, "f", offset, length)
    assert refusal.metadata["field"] == field


def test_a_file_is_replaced_and_its_old_content_removed(api: Api, root: Path) -> None:
    run_id = api.create_run()
    upload(api, run_id, "f", b"old")
    upload(api, run_id, "f", b"new")
    assert download(api, run_id, "f") == b"new"
    (name,) = files_below(root)
    assert (root / name).read_bytes() == b"new"
    upload(api, run_id, "f", b"new")
    assert files_below(root) == [name]


def test_the_same_content_is_stored_once_and_goes_with_its_last_file(api: Api, root: Path) -> None:
    first, second = api.create_run(), api.create_run()
    content = os.urandom(100_000)
    for run_id, path in ((first, "a"), (first, "b/c"), (second, "a")):
        upload(api, run_id, path, content)
    assert len(files_below(root)) == 1
    api.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=first))
    assert list_paths(api, first, recursive=True) == []
    assert download(api, second, "a") == content
    api.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=second, path="a"))
    assert files_below(root) == []


def test_uploads_of_one_content_at_once_leave_one_copy(api: Api, root: Path) -> None:
    run_id, content = api.create_run(), os.urandom(3 * MIB)
    threads = [
        threading.Thread(target=upload, args=(api, run_id, f"f{i}", content)) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list_paths(api, run_id) == [f"f{i}" for i in range(8)]
    (name,) = files_below(root)
    assert (root / name).read_bytes() == download(api, run_id, "f7") == content


def test_a_large_folder_is_deleted_once_by_a_request_that_is_sent_again(shared: Api) -> None:
    """P3."""
    run_id = shared.create_run()
    request = pb.DeleteArtifactsRequest(
        run_id=run_id, path="a", write=WriteId(writer="1" * 32, sequence=1)
    )
    for number in range(501):  # more than a transaction deletes
        upload(shared, run_id, f"a/{number}", b"same")
    shared.artifacts.DeleteArtifacts(request)
    assert list_paths(shared, run_id) == []
    upload(shared, run_id, "a/0", b"later")
    shared.artifacts.DeleteArtifacts(request)
    assert download(shared, run_id, "a/0") == b"later"


def test_a_folder_is_deleted_with_all_below_it_and_nothing_beside_it(shared: Api) -> None:
    run_id = shared.create_run()
    for path in ("a/b/1", "a/b/c/2", "a-b/3", "a/b.txt", "a/bc"):
        upload(shared, run_id, path, path.encode())
    shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id, path="a/b"))
    assert list_paths(shared, run_id, recursive=True) == ["a-b/3", "a/b.txt", "a/bc"]
    with expect_refusal(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id, path="a/b"))
    shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id))
    shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id))


def test_content_with_another_digest_is_refused_and_leaves_nothing(api: Api, root: Path) -> None:
    run_id, upload_id = api.create_run(), "a" * 32
    requests = [start_part(run_id, "f", upload_id), *chunk_parts(b"one"), end_part(b"another")]
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "ARTIFACT_CORRUPT") as refusal:
        api.artifacts.UploadArtifact(iter(requests))
    assert refusal.metadata["field"] == "end.sha256"
    assert list_paths(api, run_id) == []
    assert uploaded_bytes(api, run_id, upload_id) == 0
    assert files_below(root) == []


def test_requests_out_of_order_are_refused(api: Api, root: Path) -> None:
    run_id = api.create_run()
    (chunk,) = chunk_parts(b"x")
    made = {
        "s": start_part(run_id, "f"),
        "c": chunk,
        "e": end_part(b"x"),
        "n": pb.UploadArtifactRequest(),
    }
    for parts in ("", "c", "e", "sc", "ss", "scs", "s", "n", "sn"):
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "UPLOAD_OUT_OF_ORDER"):
            api.artifacts.UploadArtifact(made[part] for part in parts)
    assert list_paths(api, run_id) == []
    assert files_below(root) == []
