"""A file whose content is gone from the artifact root is an error for good (X12)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import requests

from runstream import TrackingClient
from runstream.errors import DataLoss
from support.api import Api, expect_refusal
from support.artifacts import MIB, download, files_below, upload
from support.rest import Rest
from support.server_process import ServerProcess

CONTENT = os.urandom(6 * MIB)


@pytest.fixture
def run_id(server: ServerProcess, connect: Callable[[str], Api]) -> str:
    """A run with a file that is whole, one whose content is gone, and one that is cut off."""
    api, root = connect(server.address), server.database.with_name("artifacts")
    run_id = api.create_run()
    for path, content in (("a/whole", b"whole"), ("b/gone", CONTENT), ("c/cut", CONTENT[1:])):
        before = set(files_below(root))
        upload(api, run_id, path, content)
        (new,) = {*files_below(root)} - before
        if path == "b/gone":
            (root / new).unlink()
        elif path == "c/cut":
            os.truncate(root / new, 5 * MIB)
    return run_id


def test_a_lost_content_is_an_error_for_good_on_every_route_and_is_logged_once(
    server: ServerProcess, connect: Callable[[str], Api], rest: Rest, run_id: str, tmp_path: Path
) -> None:
    api, root = connect(server.address), server.database.with_name("artifacts")
    for offset in (0, MIB):
        with expect_refusal(grpc.StatusCode.DATA_LOSS, "ARTIFACT_CONTENT_MISSING") as refusal:
            download(api, run_id, "b/gone", offset)
    assert refusal.metadata == {
        "run_id": run_id,
        "path": "b/gone",
        "artifact_root": str(root),
    }
    with expect_refusal(grpc.StatusCode.DATA_LOSS, "ARTIFACT_CONTENT_MISSING"):
        download(api, run_id, "c/cut", 5 * MIB + 1)
    assert download(api, run_id, "c/cut", MIB, MIB) == CONTENT[1:][MIB : 2 * MIB]
    assert download(api, run_id, "a/whole") == b"whole"

    file = "/api/1.0/runstream/artifacts/file"
    for path, query, headers in (
        (file, {"run_id": run_id, "path": "b/gone"}, {}),
        (file, {"run_id": run_id, "path": "b/gone"}, {"range": "bytes=7-9"}),
        ("/get-artifact", {"run_id": run_id, "path": "b/gone"}, {}),
        (f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/b/gone", {}, {}),
        ("/api/1.0/runstream/artifacts/zip", {"run_id": run_id, "path": "b"}, {}),
    ):
        answer = rest.session.get(rest.uri + path, params=query, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (410, "DATA_LOSS"), path
        assert f"'b/gone' of run {run_id}" in answer.json()["message"]
        assert str(root) in answer.json()["message"]
    zipped = {"run_id": run_id, "path": ""}
    with pytest.raises(requests.exceptions.ChunkedEncodingError):  # a zip that has begun
        rest.session.get(f"{rest.uri}/api/1.0/runstream/artifacts/zip", params=zipped)

    with TrackingClient(server.uri) as client, pytest.raises(DataLoss, match="--artifact-root"):
        client.download_artifacts(run_id, "b/gone", tmp_path)
    log = server.stop()
    for path in ("b/gone", "c/cut"):
        lines = [line for line in log.splitlines() if f"'{path}' of run {run_id}" in line]
        assert [" ERROR " in line for line in lines].count(True) == 1
        assert len(lines) == (2 if path == "b/gone" else 1)  # and the zip that broke off
    assert "storage failed" not in log
    assert "Traceback" not in log
