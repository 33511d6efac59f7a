"""`runstream gc` against a real server."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from runstream import Metric, TrackingClient
from runstream.v1.logged_model_service_pb2 import DeleteLoggedModelRequest
from support.api import Api
from support.artifacts import download, upload
from support.server_process import ServerProcess
from support.shell import Shell

DAY = 86_400_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of its own for each test: what is purged here is gone for all."""
    server = ServerProcess(tmp_path / "runs.db")
    yield server
    server.stop()


@pytest.fixture
def deleted(server: ServerProcess, client: TrackingClient) -> list[str]:
    """Two deleted runs of ten points each; the first was deleted ten days ago."""
    run_ids = []
    for _ in range(2):
        run_id = client.create_run().info.run_id
        client.log(run_id, [Metric("loss", i, i, i) for i in range(10)])
        client.delete_run(run_id)
        run_ids.append(run_id)
    ago = time.time_ns() // 1_000_000 - 10 * DAY
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.execute("UPDATE run SET deleted_time = ? WHERE uuid = ?", (ago, run_ids[0]))
    return run_ids


def left(client: TrackingClient) -> set[str]:
    return {run.info.run_id for run in client.search_runs(run_view_type="ALL")}


@pytest.mark.usefixtures("deleted")
def test_all_that_is_deleted_is_removed_and_nothing_else(
    shell: Shell, client: TrackingClient
) -> None:
    """E5."""
    kept = client.create_run().info.run_id
    client.delete_experiment(client.create_experiment("gone"))
    said = "1 experiment, 2 runs, 20 points, 0 logged models, 0 artifacts of 0 B removed\n"
    assert shell.output("gc") == said
    assert shell.output("gc") == re.sub(r"\d+", "0", said).replace("experiment,", "experiments,")
    assert left(client) == {kept}
    client.create_experiment("gone")  # the name is free


def test_a_dry_run_removes_nothing(
    shell: Shell, client: TrackingClient, deleted: list[str]
) -> None:
    counts = {"experiments": 0, "runs": 2, "points": 20, "logged_models": 0}
    counts |= {"artifacts": 0, "artifact_bytes": 0, "model_versions": 0}
    assert shell.json("gc", "--dry-run") == counts
    assert "2 runs" in shell.output("gc", "--dry-run")
    assert left(client) == set(deleted)
    assert shell.json("gc") == counts
    assert shell.json("gc")["runs"] == 0


def test_an_age_spares_what_was_deleted_later(
    shell: Shell, client: TrackingClient, deleted: list[str]
) -> None:
    ages = {"9d": 1, "9.5d": 1, "216h": 1, "8d23h59m60s": 1, "777600s": 1, "1d200h": 1}
    ages |= {"11d": 0, "100000d": 0, "0s": 2}
    for age, runs in ages.items():
        assert shell.json("gc", "--dry-run", "--older-than", age)["runs"] == runs, age
    assert shell.json("gc", "--older-than", "9d")["runs"] == 1
    assert left(client) == {deleted[1]}


@pytest.mark.parametrize("age", ["", "d", "30", "30 d", "-1d", "1h1d", "1w", "٣d"])
def test_what_is_no_age_is_refused(age: str) -> None:
    assert "is not a time such as 30d" in Shell("").refusal(2, "gc", f"--older-than={age}")


def test_deleted_models_are_removed_though_no_run_is(server: ServerProcess, shell: Shell) -> None:
    """E5: and files of a model that is there are not counted."""
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        gone, kept = api.create_model(), api.create_model()
        upload(api, gone, "weights", b"gone")
        upload(api, kept, "weights", b"kept")
        api.models.DeleteLoggedModel(DeleteLoggedModelRequest(model_id=gone))
        none = "0 experiments, 0 runs, 0 points, "
        assert shell.output("gc") == f"{none}1 logged model, 1 artifact of 4 B removed\n"
        assert shell.output("gc") == f"{none}0 logged models, 0 artifacts of 0 B removed\n"
        assert download(api, kept, "weights") == b"kept"
