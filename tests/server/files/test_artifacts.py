"""Files of runs: what goes in comes out, and nothing else does."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.experiment_service_pb2 import CreateExperimentRequest
from runstream.v1.run_service_pb2 import CreateRunRequest, DeleteRunRequest
from support.api import Api, refused
from support.artifacts import MIB, chunks, download, end, on_disk, paths, start, upload, uploaded
from support.server_process import ServerProcess


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The stubs of one server for the tests that need no server of their own."""
    server = ServerProcess(tmp_path_factory.mktemp("shared") / "runs.db")
    with grpc.insecure_channel(server.address) as channel:
        yield Api(channel)
    server.stop()


@pytest.fixture
def root(server: ServerProcess) -> Path:
    """The artifact root of the server, by default beside the database."""
    return server.database.with_name("artifacts")


def calls(api: Api, run_id: str, path: str) -> dict[str, Callable[[], Any]]:
    """Every call that names a path."""
    named: dict[str, Any] = {"run_id": run_id, "path": path}
    return {
        "upload": lambda: upload(api, run_id, path, b"x"),
        "download": lambda: list(
            api.artifacts.DownloadArtifact(pb.DownloadArtifactRequest(**named))
        ),
        "get": lambda: api.artifacts.GetArtifact(pb.GetArtifactRequest(**named)),
        "list": lambda: api.artifacts.ListArtifacts(pb.ListArtifactsRequest(**named)),
        "delete": lambda: api.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(**named)),
    }


@pytest.mark.parametrize("size", [0, 1, MIB, 5 * MIB + 12_345])
def test_a_file_comes_back_byte_for_byte(shared: Api, size: int) -> None:
    run_id, content = shared.new_run(), os.urandom(size)
    before = time.time_ns() // 1_000_000
    file = upload(shared, run_id, "models/best.bin", content)
    assert (file.path, file.is_dir, file.file_size) == ("models/best.bin", False, size)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert before <= file.upload_time <= time.time_ns() // 1_000_000
    assert download(shared, run_id, "models/best.bin") == content
    request = pb.GetArtifactRequest(run_id=run_id, path="models/best.bin")
    assert shared.artifacts.GetArtifact(request).file == file


def test_a_part_of_a_file_is_that_part(shared: Api) -> None:
    run_id, content = shared.new_run(), os.urandom(9 * MIB + 1)
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
    run_id = shared.new_run()
    upload(shared, run_id, "f", b"abc")
    with refused(StatusCode.INVALID_ARGUMENT, "RANGE_OUTSIDE") as refusal:
        download(shared, run_id, "f", offset, length)
    assert refusal.metadata["field"] == field


def test_a_file_is_replaced_and_its_old_content_removed(api: Api, root: Path) -> None:
    run_id = api.new_run()
    upload(api, run_id, "f", b"old")
    upload(api, run_id, "f", b"new")
    assert download(api, run_id, "f") == b"new"
    (name,) = on_disk(root)
    assert (root / name).read_bytes() == b"new"
    upload(api, run_id, "f", b"new")
    assert on_disk(root) == [name]


def test_the_same_content_is_stored_once_and_goes_with_its_last_file(api: Api, root: Path) -> None:
    first, second = api.new_run(), api.new_run()
    content = os.urandom(100_000)
    for run_id, path in ((first, "a"), (first, "b/c"), (second, "a")):
        upload(api, run_id, path, content)
    assert len(on_disk(root)) == 1
    api.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=first))
    assert paths(api, first, recursive=True) == []
    assert download(api, second, "a") == content
    api.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=second, path="a"))
    assert on_disk(root) == []


def test_uploads_of_one_content_at_once_leave_one_copy(api: Api, root: Path) -> None:
    run_id, content = api.new_run(), os.urandom(3 * MIB)
    threads = [
        threading.Thread(target=upload, args=(api, run_id, f"f{i}", content)) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths(api, run_id) == [f"f{i}" for i in range(8)]
    (name,) = on_disk(root)
    assert (root / name).read_bytes() == download(api, run_id, "f7") == content


def test_a_folder_is_deleted_with_all_below_it_and_nothing_beside_it(shared: Api) -> None:
    run_id = shared.new_run()
    for path in ("a/b/1", "a/b/c/2", "a-b/3", "a/b.txt", "a/bc"):
        upload(shared, run_id, path, path.encode())
    shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id, path="a/b"))
    assert paths(shared, run_id, recursive=True) == ["a-b/3", "a/b.txt", "a/bc"]
    with refused(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id, path="a/b"))
    shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id))
    shared.artifacts.DeleteArtifacts(pb.DeleteArtifactsRequest(run_id=run_id))


def test_content_with_another_digest_is_refused_and_leaves_nothing(api: Api, root: Path) -> None:
    run_id, upload_id = api.new_run(), "a" * 32
    requests = [start(run_id, "f", upload_id), *chunks(b"one"), end(b"another")]
    with refused(StatusCode.INVALID_ARGUMENT, "ARTIFACT_CORRUPT") as refusal:
        api.artifacts.UploadArtifact(iter(requests))
    assert refusal.metadata["field"] == "end.sha256"
    assert paths(api, run_id) == []
    assert uploaded(api, run_id, upload_id) == 0
    assert on_disk(root) == []


def test_requests_out_of_order_are_refused(api: Api, root: Path) -> None:
    run_id = api.new_run()
    (chunk,) = chunks(b"x")
    made = {"s": start(run_id, "f"), "c": chunk, "e": end(b"x"), "n": pb.UploadArtifactRequest()}
    for parts in ("", "c", "e", "sc", "ss", "scs", "s", "n", "sn"):
        with refused(StatusCode.INVALID_ARGUMENT, "UPLOAD_OUT_OF_ORDER"):
            api.artifacts.UploadArtifact(made[part] for part in parts)
    assert paths(api, run_id) == []
    assert on_disk(root) == []


@pytest.mark.parametrize("call", ["upload", "download", "get", "list", "delete"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("../x", id="parent"),
        pytest.param("a/../../x", id="parent inside"),
        pytest.param("a/..", id="parent at the end"),
        pytest.param("./a", id="dot"),
        pytest.param("a//b", id="empty part"),
        pytest.param("a/", id="slash at the end"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("a\nb", id="control"),
        pytest.param("a\x7f", id="delete"),
        pytest.param("a\x85b", id="C1 control"),
        pytest.param("..\\x", id="backslash"),
        pytest.param("C:\\x", id="drive"),
        pytest.param("x" * 256, id="long part"),
        pytest.param("é" * 128, id="long part in bytes"),
        pytest.param("/".join(["x" * 99] * 10) + "/x", id="long"),
    ],
)
def test_a_path_that_leaves_the_run_or_breaks_a_rule_is_refused(
    shared: Api, path: str, call: str
) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "PATH_MALFORMED") as refusal:
        calls(shared, "unknown", path)[call]()
    assert refusal.metadata["field"] in ("path", "start.path")
    assert refusal.metadata["limit"]


@pytest.mark.parametrize("call", ["upload", "download", "get"])
def test_an_empty_path_names_no_file(shared: Api, call: str) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "PATH_MALFORMED"):
        calls(shared, shared.new_run(), "")[call]()


def test_a_path_that_is_not_utf8_is_refused(server: ServerProcess, api: Api, root: Path) -> None:
    run_id = api.new_run().encode()
    broken = b"\x0a\x20" + run_id + b"\x12\x02\xff\xfe"  # fields 1 and 2
    with grpc.insecure_channel(server.address) as channel:
        get: Any = channel.unary_unary("/runstream.v1.ArtifactService/GetArtifact")
        with refused(StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            get(broken)
        put: Any = channel.stream_unary("/runstream.v1.ArtifactService/UploadArtifact")
        with refused(StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            put(iter([b"\x0a" + bytes([len(broken)]) + broken]))
    assert on_disk(root) == []


@pytest.mark.parametrize(
    "path",
    ["x" * 255, "/".join(["x" * 99] * 10), "...", ".hidden", "a b", " ", "-", "%2e%2e/x",
     "CON", "nul.txt", "a:b", "a*?\"<>|", "🎉/表.csv", "~", "a/…/b"],
)  # fmt: skip
def test_every_other_name_is_fine(shared: Api, path: str) -> None:
    run_id = shared.new_run()
    upload(shared, run_id, path, path.encode())
    assert download(shared, run_id, path) == path.encode()
    assert paths(shared, run_id, recursive=True) == [path]


def test_names_are_kept_as_they_were_written(shared: Api) -> None:
    """Composed and decomposed, upper and lower case are names of their own."""
    run_id = shared.new_run()
    names = {unicodedata.normalize(form, "é") for form in ("NFC", "NFD")} | {"É"}
    for name in names:
        upload(shared, run_id, name, name.encode())
    assert set(paths(shared, run_id)) == names
    assert all(download(shared, run_id, name) == name.encode() for name in names)


def test_a_path_of_a_run_is_no_path_of_the_disk(api: Api, root: Path, tmp_path: Path) -> None:
    """So no link on the disk is ever followed: names there are digests."""
    run_id = api.new_run()
    (tmp_path / "secret").write_text("secret")
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with refused(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        download(api, run_id, "link/secret")
    upload(api, run_id, "link/secret", b"mine")
    assert (tmp_path / "secret").read_text() == "secret"
    assert download(api, run_id, "link/secret") == b"mine"
    digest = hashlib.sha256(b"mine").hexdigest()
    (name,) = (name for name in on_disk(root) if not name.startswith("link"))
    assert name.startswith(f"{digest[:2]}/{digest}-")


def test_a_file_where_a_folder_is_needed_and_the_other_way_are_refused(shared: Api) -> None:
    run_id = shared.new_run()
    upload(shared, run_id, "a/b", b"1")
    for path in ("a/b/c", "a/b/c/d", "a"):
        with refused(StatusCode.FAILED_PRECONDITION, "PATH_CONFLICT") as refusal:
            upload(shared, run_id, path, b"2")
        assert refusal.metadata["value"] == path
    assert paths(shared, run_id, recursive=True) == ["a/b"]
    upload(shared, shared.new_run(), "a", b"2")


def test_a_conflict_that_arises_during_an_upload_is_refused_at_its_end(
    api: Api, root: Path
) -> None:
    run_id = api.new_run()

    def requests() -> Iterator[pb.UploadArtifactRequest]:
        yield start(run_id, "a/b")
        yield from chunks(b"1")
        upload(api, run_id, "a", b"2")
        yield end(b"1")

    with refused(StatusCode.FAILED_PRECONDITION, "PATH_CONFLICT"):
        api.artifacts.UploadArtifact(requests(), timeout=30)
    assert paths(api, run_id) == ["a"]
    assert len(on_disk(root)) == 1


def test_a_deleted_run_can_be_read_and_not_written(shared: Api) -> None:
    """E3."""
    run_id = shared.new_run()
    upload(shared, run_id, "f", b"x")
    shared.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    assert download(shared, run_id, "f") == b"x"
    assert paths(shared, run_id) == ["f"]
    for call in ("upload", "delete"):
        with refused(StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
            calls(shared, run_id, "f")[call]()
    assert paths(shared, run_id) == ["f"]


@pytest.mark.parametrize("call", ["upload", "download", "get", "list", "delete"])
def test_artifacts_that_are_elsewhere_are_not_looked_for_here(shared: Api, call: str) -> None:
    """R6."""
    created = shared.experiments.CreateExperiment(
        CreateExperimentRequest(name=f"elsewhere to {call}", artifact_location="s3://other/place")
    )
    run = shared.runs.CreateRun(CreateRunRequest(experiment_id=created.experiment_id)).run.info
    with refused(StatusCode.FAILED_PRECONDITION, "ARTIFACTS_ELSEWHERE") as refusal:
        calls(shared, run.run_id, "f")[call]()
    assert refusal.metadata["artifact_uri"] == run.artifact_uri


@pytest.mark.parametrize("call", ["upload", "download", "get", "list", "delete"])
def test_an_unknown_run_is_not_found(shared: Api, call: str) -> None:
    with refused(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        calls(shared, "x", "f")[call]()


@pytest.mark.parametrize("path", ["f", "folder"])
def test_a_folder_or_nothing_cannot_be_downloaded(shared: Api, path: str) -> None:
    run_id = shared.new_run()
    upload(shared, run_id, "folder/f", b"x")
    with refused(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        download(shared, run_id, path)
