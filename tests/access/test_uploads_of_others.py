"""Uploads, pages and downloads of artifacts: each belongs to the caller who began it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import grpc
import pytest
import requests

from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.access_service_pb2 import DeleteGrantRequest, GrantRole, SetGrantRequest
from runstream.v1.logged_model_service_pb2 import ListLoggedModelArtifactsRequest
from runstream.v1.run_service_pb2 import CreateRunRequest
from support.access import GuardedServer
from support.api import Api, expect_refusal

NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
READER, WRITER = GrantRole.GRANT_ROLE_READER, GrantRole.GRANT_ROLE_WRITER
CONTENT = b"what Ada keeps"
UPLOAD_ID = 32 * "a"
NO_RUN, NO_MODEL = 32 * "0", "m-" + 32 * "0"


def upload_parts(
    run_id: str, path: str, upload_id: str = "", offset: int = 0
) -> Iterator[pb.UploadArtifactRequest]:
    start = pb.UploadStart(run_id=run_id, path=path, upload_id=upload_id, offset=offset)
    yield pb.UploadArtifactRequest(start=start)
    yield pb.UploadArtifactRequest(chunk=CONTENT[offset:])
    yield pb.UploadArtifactRequest(end=pb.UploadEnd(sha256=sha256(CONTENT).hexdigest()))


def upload(api: Api, run_id: str, path: str = "a/file.txt") -> Any:
    return api.artifacts.UploadArtifact(upload_parts(run_id, path))


def download(api: Api, run_id: str, path: str = "a/file.txt") -> bytes:
    request = pb.DownloadArtifactRequest(run_id=run_id, path=path)
    return b"".join(answer.chunk for answer in api.artifacts.DownloadArtifact(request))


@dataclass(frozen=True)
class Files:
    """A run and a model, each with a file, which Ada writes and Bob reads.

    Attributes:
        experiment_id: their experiment.
        owners: the ids of both.
    """

    guarded: GuardedServer
    experiment_id: str
    owners: tuple[str, str]

    def api(self, name: str) -> Api:
        return self.guarded.apis[name]

    def grant(self, name: str, role: Any) -> None:
        request = SetGrantRequest(
            experiment_id=self.experiment_id, grantee=f"user:{name}", role=role
        )
        self.api("root").access.SetGrant(request)

    def request(self, name: str, method: str, path: str, **more: Any) -> requests.Response:
        url = self.guarded.server.http + path
        return requests.request(method, url, headers=self.guarded.headers(name), timeout=60, **more)

    def proxy_path(self, owner: str) -> str:
        part = f"models/{owner}" if owner.startswith("m-") else owner
        return (
            f"/api/2.0/mlflow-artifacts/artifacts/{self.experiment_id}/{part}/artifacts/a/file.txt"
        )


@pytest.fixture
def files(guarded: GuardedServer, request: pytest.FixtureRequest) -> Files:
    root = guarded.apis["root"]
    experiment_id = root.create_experiment(request.node.nodeid)
    run = root.runs.CreateRun(CreateRunRequest(experiment_id=experiment_id)).run
    owners = (run.info.run_id, root.create_model(experiment_id))
    made = Files(guarded, experiment_id, owners)
    made.grant("ada", WRITER)
    made.grant("bob", READER)
    for owner in owners:
        upload(made.api("ada"), owner)
    return made


def none_like(owner: str) -> str:
    return NO_MODEL if owner.startswith("m-") else NO_RUN


def test_the_files_of_a_model_are_listed_for_those_who_see_it(files: Files) -> None:
    model_id = files.owners[1]
    request = ListLoggedModelArtifactsRequest(model_id=model_id)
    answer = files.api("bob").models.ListLoggedModelArtifacts(request)
    assert [file.path for file in answer.files] == ["a"]
    with expect_refusal(NOT_FOUND, "MODEL_NOT_FOUND"):
        files.api("eve").models.ListLoggedModelArtifacts(request)


def test_an_upload_is_continued_by_the_one_who_began_it_and_no_other(files: Files) -> None:
    run_id = files.owners[0]
    files.grant("eve", WRITER)
    parts = upload_parts(run_id, "b.txt", UPLOAD_ID)
    begun = [next(parts), pb.UploadArtifactRequest(chunk=CONTENT[:5])]
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "UPLOAD_OUT_OF_ORDER"):
        files.api("ada").artifacts.UploadArtifact(iter(begun))  # it breaks off
    get = pb.GetUploadRequest(run_id=run_id, path="b.txt", upload_id=UPLOAD_ID)
    assert files.api("ada").artifacts.GetUpload(get).offset == 5
    assert files.api("eve").artifacts.GetUpload(get).offset == 0
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "UPLOAD_OFFSET") as refusal:
        files.api("eve").artifacts.UploadArtifact(upload_parts(run_id, "b.txt", UPLOAD_ID, 5))
    assert refusal.metadata["limit"] == "0"
    files.api("ada").artifacts.UploadArtifact(upload_parts(run_id, "b.txt", UPLOAD_ID, 5))
    assert download(files.api("bob"), run_id, "b.txt") == CONTENT


def test_a_grant_that_goes_while_an_upload_comes_keeps_its_file_out(files: Files) -> None:
    run_id = files.owners[0]
    files.grant("eve", WRITER)

    def parts() -> Iterator[pb.UploadArtifactRequest]:
        start, chunk, end = upload_parts(run_id, "late.txt")
        yield start
        yield chunk
        gone = DeleteGrantRequest(experiment_id=files.experiment_id, grantee="user:eve")
        files.api("root").access.DeleteGrant(gone)
        yield end

    with expect_refusal(NOT_FOUND, "RUN_NOT_FOUND"):
        files.api("eve").artifacts.UploadArtifact(parts())
    with expect_refusal(NOT_FOUND, "ARTIFACT_NOT_FOUND"):
        download(files.api("ada"), run_id, "late.txt")


def test_a_page_token_of_a_list_is_good_for_the_one_who_got_it(files: Files) -> None:
    run_id = files.owners[0]
    upload(files.api("ada"), run_id, "b")
    request = pb.ListArtifactsRequest(run_id=run_id, max_results=1)
    request.page_token = files.api("ada").artifacts.ListArtifacts(request).next_page_token
    assert files.api("ada").artifacts.ListArtifacts(request).files[0].path == "b"
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        files.api("bob").artifacts.ListArtifacts(request)


def error(answer: requests.Response, owner: str) -> dict[str, Any]:
    """Return the error of an answer without what is of one request alone."""
    found: dict[str, Any] = json.loads(answer.text.replace(owner, "ID"))
    del found["request_id"]
    return found


@pytest.mark.parametrize("route", ["file", "zip", "get-artifact", "proxy"])
def test_downloads_over_http_are_for_those_who_see_the_run(files: Files, route: str) -> None:
    for owner in files.owners:
        path = {
            "file": f"/api/1.0/runstream/artifacts/file?run_id={owner}&path=a/file.txt",
            "zip": f"/api/1.0/runstream/artifacts/zip?run_id={owner}&path=a",
            "get-artifact": f"/get-artifact?run_id={owner}&path=a/file.txt",
            "proxy": files.proxy_path(owner),
        }[route]
        answer = files.request("bob", "GET", path)
        assert answer.status_code == 200
        assert CONTENT in answer.content
        refused = files.request("eve", "GET", path)
        absent = files.request("eve", "GET", path.replace(owner, none_like(owner)))
        assert refused.status_code == absent.status_code == 404
        assert error(refused, owner) == error(absent, none_like(owner))
        assert files.request("nobody", "GET", path).status_code == 401


def test_the_proxy_stores_and_deletes_for_those_who_write_to_the_run(files: Files) -> None:
    for owner in files.owners:
        path = files.proxy_path(owner)
        for name, status in (("nobody", 401), ("eve", 404), ("bob", 403), ("ada", 200)):
            for method, more in (("PUT", {"data": b"x"}), ("DELETE", {})):
                answer = files.request(name, method, path, **more)
                assert (name, method, answer.status_code) == (name, method, status)


def test_a_list_of_the_proxy_is_empty_where_one_sees_no_run(files: Files) -> None:
    for owner in files.owners:
        folder = files.proxy_path(owner).partition("/artifacts/")[2].removesuffix("/file.txt")
        listing = "/api/2.0/mlflow-artifacts/artifacts"
        for name, sees in (("bob", True), ("eve", False)):
            answer = files.request(name, "GET", listing, params={"path": folder})
            assert bool(answer.json()) == sees
