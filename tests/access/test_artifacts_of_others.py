"""Artifacts, as those see them who have a grant on the experiment, and those who have none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import requests

from runstream.v1 import access_service_pb2 as access_pb
from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.run_service_pb2 import CreateRunRequest
from support.access import GuardedServer
from support.api import Api, expect_refusal

NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED
NO_RUN = 32 * "0"
CONTENT = b"the secret weights"


@dataclass(frozen=True)
class Files:
    """A run and a logged model of Ada with a file each, which Bob may read.

    Attributes:
        experiment_id: their experiment.
        owners: the ids of the run and of the model.
    """

    guarded: GuardedServer
    experiment_id: str
    owners: tuple[str, str]

    def api(self, name: str) -> Api:
        return self.guarded.apis[name]

    def get(self, name: str, route: str, **query: str) -> requests.Response:
        url = self.guarded.server.http + route
        return requests.get(url, query, headers=self.guarded.headers(name), timeout=30)


@pytest.fixture(scope="module")
def files(guarded: GuardedServer) -> Files:
    ada = guarded.apis["ada"]
    experiment = ada.create_experiment("files of Ada")
    run_id = ada.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id
    model_id = ada.create_model(experiment)
    ada.access.SetGrant(
        access_pb.SetGrantRequest(
            experiment_id=experiment,
            grantee="user:bob",
            role=access_pb.GrantRole.GRANT_ROLE_READER,
        )
    )
    for owner in (run_id, model_id):
        upload(ada, owner, "weights.bin")
    return Files(guarded, experiment, (run_id, model_id))


def upload(api: Api, run_id: str, path: str, upload_id: str = "") -> None:
    def requests() -> Iterator[pb.UploadArtifactRequest]:
        start = pb.UploadStart(run_id=run_id, path=path, upload_id=upload_id)
        yield pb.UploadArtifactRequest(start=start)
        yield pb.UploadArtifactRequest(chunk=CONTENT)
        end = pb.UploadEnd(sha256=hashlib.sha256(CONTENT).hexdigest())
        yield pb.UploadArtifactRequest(end=end)

    api.artifacts.UploadArtifact(requests())


def download(api: Api, run_id: str, path: str = "weights.bin") -> bytes:
    answers = api.artifacts.DownloadArtifact(pb.DownloadArtifactRequest(run_id=run_id, path=path))
    return b"".join(answer.chunk for answer in answers)


READS: dict[str, Callable[[Api, str], Any]] = {
    "get": lambda api, owner: api.artifacts.GetArtifact(
        pb.GetArtifactRequest(run_id=owner, path="weights.bin")
    ),
    "list": lambda api, owner: api.artifacts.ListArtifacts(pb.ListArtifactsRequest(run_id=owner)),
    "list all": lambda api, owner: api.artifacts.ListArtifacts(
        pb.ListArtifactsRequest(run_id=owner, recursive=True)
    ),
    "download": download,
}
WRITES: dict[str, Callable[[Api, str], Any]] = {
    "upload": lambda api, owner: upload(api, owner, "other.bin"),
    "upload with an id": lambda api, owner: upload(api, owner, "other.bin", 32 * "a"),
    "look for an upload": lambda api, owner: api.artifacts.GetUpload(
        pb.GetUploadRequest(run_id=owner, path="other.bin", upload_id=32 * "a")
    ),
    "delete": lambda api, owner: api.artifacts.DeleteArtifacts(
        pb.DeleteArtifactsRequest(run_id=owner, path="weights.bin")
    ),
    "delete all": lambda api, owner: api.artifacts.DeleteArtifacts(
        pb.DeleteArtifactsRequest(run_id=owner)
    ),
}


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("owner", [0, 1], ids=["run", "model"])
def test_files_that_one_does_not_see_are_answered_as_those_of_nothing(
    files: Files, owner: int, call: str
) -> None:
    eve, owner_id = files.api("eve"), files.owners[owner]
    nothing = f"m-{NO_RUN}" if owner else NO_RUN
    reason = "MODEL_NOT_FOUND" if owner else "RUN_NOT_FOUND"
    with expect_refusal(NOT_FOUND, reason) as expected:
        (READS | WRITES)[call](eve, nothing)
    with expect_refusal(NOT_FOUND, reason) as refusal:
        (READS | WRITES)[call](eve, owner_id)
    assert refusal.message == expected.message.replace(nothing, owner_id)
    assert download(files.api("ada"), owner_id) == CONTENT


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("owner", [0, 1], ids=["run", "model"])
def test_a_reader_changes_no_files(files: Files, owner: int, call: str) -> None:
    bob, owner_id = files.api("bob"), files.owners[owner]
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        WRITES[call](bob, owner_id)
    assert download(bob, owner_id) == CONTENT
    listed = bob.artifacts.ListArtifacts(pb.ListArtifactsRequest(run_id=owner_id))
    assert [file.path for file in listed.files] == ["weights.bin"]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("owner", [0, 1], ids=["run", "model"])
def test_a_reader_reads_files(files: Files, owner: int, read: str) -> None:
    assert READS[read](files.api("bob"), files.owners[owner])


PATHS = {
    "file": ("/api/1.0/runstream/artifacts/file", {"path": "weights.bin"}),
    "zip": ("/api/1.0/runstream/artifacts/zip", {}),
    "get-artifact": ("/get-artifact", {"path": "weights.bin"}),
    "list": ("/api/2.0/mlflow/artifacts/list", {}),
    "list of the interface": ("/ajax-api/2.0/mlflow/artifacts/list", {}),
}


@pytest.mark.parametrize("name", PATHS)
def test_http_gives_files_to_readers_alone(files: Files, name: str) -> None:
    path, query = PATHS[name]
    run_id = files.owners[0]
    assert files.get("bob", path, run_id=run_id, **query).status_code == 200
    hidden = files.get("eve", path, run_id=run_id, **query)
    missing = files.get("eve", path, run_id=NO_RUN, **query)
    assert hidden.status_code == missing.status_code == 404
    for answer in (hidden, missing):
        assert (
            answer.json()["message"]
            == f"Run with id={answer.url.split('run_id=')[1][:32]} not found"
        )
    assert files.get("nobody", path, run_id=run_id, **query).status_code == 401


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_the_artifact_proxy_gives_files_to_readers_alone(files: Files, prefix: str) -> None:
    proxy = f"{prefix}/2.0/mlflow-artifacts/artifacts"
    experiment, (run_id, model_id) = files.experiment_id, files.owners
    for path in (
        f"{experiment}/{run_id}/artifacts/weights.bin",
        f"{experiment}/models/{model_id}/artifacts/weights.bin",
    ):
        assert files.get("bob", f"{proxy}/{path}").content == CONTENT
        assert files.get("eve", f"{proxy}/{path}").status_code == 404
        url = f"{files.guarded.server.http}{proxy}/{path}"
        for method, status in (
            ("PUT", {"bob": 403, "eve": 404}),
            ("DELETE", {"bob": 403, "eve": 404}),
        ):
            for name, expected in status.items():
                headers = files.guarded.headers(name)
                answer = requests.request(method, url, data=b"x", headers=headers, timeout=30)
                assert answer.status_code == expected
    assert files.get("eve", proxy, path=f"{experiment}/{run_id}/artifacts").json() == {}
    assert download(files.api("ada"), run_id) == CONTENT


def test_files_of_no_run_are_for_admins(files: Files) -> None:
    url = f"{files.guarded.server.http}/api/2.0/mlflow-artifacts/artifacts/shared.txt"
    for method in ("PUT", "GET", "DELETE"):
        for name, status in (("ada", 403), ("root", 200)):
            headers = files.guarded.headers(name)
            answer = requests.request(method, url, data=b"x", headers=headers, timeout=30)
            assert answer.status_code == status, (method, name)
