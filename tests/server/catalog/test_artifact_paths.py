"""A path names a file of its run and nothing else; what breaks a rule is refused."""

from __future__ import annotations

import hashlib
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
from support.api import Api, expect_refusal
from support.artifacts import (
    chunk_parts,
    download,
    end_part,
    files_below,
    list_paths,
    start_part,
    upload,
)
from support.server_process import ServerProcess


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
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PATH_MALFORMED") as refusal:
        calls(shared, "unknown", path)[call]()
    assert refusal.metadata["field"] in ("path", "start.path")
    assert refusal.metadata["limit"]


@pytest.mark.parametrize("call", ["upload", "download", "get"])
def test_an_empty_path_names_no_file(shared: Api, call: str) -> None:
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PATH_MALFORMED"):
        calls(shared, shared.create_run(), "")[call]()


def test_a_path_that_is_not_utf8_is_refused(server: ServerProcess, api: Api, root: Path) -> None:
    run_id = api.create_run().encode()
    broken = b"\x0a\x20" + run_id + b"\x12\x02\xff\xfe"  # fields 1 and 2
    with grpc.insecure_channel(server.address) as channel:
        get: Any = channel.unary_unary("/runstream.v1.ArtifactService/GetArtifact")
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            get(broken)
        put: Any = channel.stream_unary("/runstream.v1.ArtifactService/UploadArtifact")
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
            put(iter([b"\x0a" + bytes([len(broken)]) + broken]))
    assert files_below(root) == []


@pytest.mark.parametrize(
    "path",
    ["x" * 255, "/".join(["x" * 99] * 10), "...", ".hidden", "a b", " ", "-", "%2e%2e/x",
     "CON", "nul.txt", "a:b", "a*?\"<>|", "🎉/表.csv", "~", "a/…/b"],
)  # fmt: skip
def test_every_other_name_is_fine(shared: Api, path: str) -> None:
    run_id = shared.create_run()
    upload(shared, run_id, path, path.encode())
    assert download(shared, run_id, path) == path.encode()
    assert list_paths(shared, run_id, recursive=True) == [path]


def test_names_are_kept_as_they_were_written(shared: Api) -> None:
    """Composed and decomposed, upper and lower case are names of their own."""
    run_id = shared.create_run()
    names = {unicodedata.normalize(form, "é") for form in ("NFC", "NFD")} | {"É"}
    for name in names:
        upload(shared, run_id, name, name.encode())
    assert set(list_paths(shared, run_id)) == names
    assert all(download(shared, run_id, name) == name.encode() for name in names)


def test_a_path_of_a_run_is_no_path_of_the_disk(api: Api, root: Path, tmp_path: Path) -> None:
    """So no link on the disk is ever followed: names there are digests."""
    run_id = api.create_run()
    (tmp_path / "secret").write_text("secret")
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with expect_refusal(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        download(api, run_id, "link/secret")
    upload(api, run_id, "link/secret", b"mine")
    assert (tmp_path / "secret").read_text() == "secret"
    assert download(api, run_id, "link/secret") == b"mine"
    digest = hashlib.sha256(b"mine").hexdigest()
    (name,) = (name for name in files_below(root) if not name.startswith("link"))
    assert name.startswith(f"{digest[:2]}/{digest}-")


def test_a_file_where_a_folder_is_needed_and_the_other_way_are_refused(shared: Api) -> None:
    run_id = shared.create_run()
    upload(shared, run_id, "a/b", b"1")
    for path in ("a/b/c", "a/b/c/d", "a"):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "PATH_CONFLICT") as refusal:
            upload(shared, run_id, path, b"2")
        assert refusal.metadata["value"] == path
    assert list_paths(shared, run_id, recursive=True) == ["a/b"]
    upload(shared, shared.create_run(), "a", b"2")


def test_a_conflict_that_arises_during_an_upload_is_refused_at_its_end(
    api: Api, root: Path
) -> None:
    run_id = api.create_run()

    def requests() -> Iterator[pb.UploadArtifactRequest]:
        yield start_part(run_id, "a/b")
        yield from chunk_parts(b"1")
        upload(api, run_id, "a", b"2")
        yield end_part(b"1")

    with expect_refusal(StatusCode.FAILED_PRECONDITION, "PATH_CONFLICT"):
        api.artifacts.UploadArtifact(requests(), timeout=30)
    assert list_paths(api, run_id) == ["a"]
    assert len(files_below(root)) == 1


def test_a_deleted_run_can_be_read_and_not_written(shared: Api) -> None:
    """E3."""
    run_id = shared.create_run()
    upload(shared, run_id, "f", b"x")
    shared.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    assert download(shared, run_id, "f") == b"x"
    assert list_paths(shared, run_id) == ["f"]
    for call in ("upload", "delete"):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
            calls(shared, run_id, "f")[call]()
    assert list_paths(shared, run_id) == ["f"]


@pytest.mark.parametrize("call", ["upload", "download", "get", "list", "delete"])
def test_artifacts_that_are_elsewhere_are_not_looked_for_here(shared: Api, call: str) -> None:
    """R6."""
    created = shared.experiments.CreateExperiment(
        CreateExperimentRequest(name=f"elsewhere to {call}", artifact_location="s3://other/place")
    )
    run = shared.runs.CreateRun(CreateRunRequest(experiment_id=created.experiment_id)).run.info
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "ARTIFACTS_ELSEWHERE") as refusal:
        calls(shared, run.run_id, "f")[call]()
    assert refusal.metadata["artifact_uri"] == run.artifact_uri


@pytest.mark.parametrize("call", ["upload", "download", "get", "list", "delete"])
def test_an_unknown_run_is_not_found(shared: Api, call: str) -> None:
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        calls(shared, "x", "f")[call]()


@pytest.mark.parametrize("path", ["f", "folder"])
def test_a_folder_or_nothing_cannot_be_downloaded(shared: Api, path: str) -> None:
    run_id = shared.create_run()
    upload(shared, run_id, "folder/f", b"x")
    with expect_refusal(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        download(shared, run_id, path)
