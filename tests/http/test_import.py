"""`runstream import mlflow`, from what a real MLflow wrote: a server, its database, a folder.

And `runstream export` to the server.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from runstream import TrackingClient
from runstream.entities import Dataset, DatasetInput
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
MLFLOW = ROOT / ".venv-mlflow/3/bin"
PROGRAM = Path(__file__).with_name("programs") / "history.py"
QUIET = ENVIRONMENT | {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # Its file store is on the way out, and wants to be asked for.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}


def log_history(folder: Path, uri: str) -> None:
    done = subprocess.run(
        [MLFLOW / "python", PROGRAM],
        cwd=folder,
        env=QUIET | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with the database of a server of MLflow, and the URI of the server."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = reserve_port()
    command = [str(MLFLOW / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--artifacts-destination", str(folder / "artifacts")],
            cwd=folder,
            env=QUIET | {"PATH": f"{MLFLOW}:{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        give_up = time.monotonic() + 90
        while True:
            try:
                requests.get(f"{uri}/health", timeout=5)
                break
            except (requests.ConnectionError, requests.Timeout):
                assert time.monotonic() < give_up, (folder / "log").read_text()
                time.sleep(0.2)
        log_history(folder, uri)
        yield folder, uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def run_import(source: str, server: ServerProcess, *options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "import", "mlflow", source, "--json", *options],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def check(server: ServerProcess, artifacts: bool = True) -> None:
    with TrackingClient(server.uri) as client:
        everything = client.search_runs(["0"], run_view_type="ALL")
        assert "deleted" not in {run.info.run_name for run in everything}
        for name in ("wine", "iris"):
            experiment = client.get_experiment_by_name(name)
            assert experiment is not None
            assert experiment.tags["owner"] == "ada"
            runs = {
                run.info.run_name: run for run in client.search_runs([experiment.experiment_id])
            }
            assert set(runs) >= {f"{name} 0", f"{name} 1"}
            run = runs[f"{name} 1"]
            assert run.info.status == "FINISHED"
            assert run.info.end_time
            assert run.info.end_time >= run.info.start_time
            assert run.data.params == {"lr": "0.1", "text": "größer"}
            assert run.data.tags["stage"] == "trial"
            assert math.isnan(run.data.metrics["nan"])
            history = client.get_metric_history(run.info.run_id, "train/loss")
            assert [point.step for point in history] == list(range(50))
            assert [point.value for point in history] == [1 / (step + 2) for step in range(50)]
            (read,) = run.inputs.dataset_inputs
            assert read.dataset.name == "frame"
            assert read.tags == {"mlflow.data.context": "training"}
            if artifacts:
                text = client.load_text(run.info.run_id, "notes/summary.txt")
                assert text == f"{name} 1"


def check_model(server: ServerProcess) -> None:
    """The logged model is there under its id, with what was measured of it."""
    uri = f"{server.http}/api/2.0/mlflow"
    (model,) = requests.post(f"{uri}/logged-models/search", json={}, timeout=30).json()["models"]
    info, data = model["info"], model["data"]
    assert (info["name"], data["params"]) == ("forest", [{"key": "depth", "value": "3"}])
    assert {"key": "stage", "value": "trial"} in info["tags"]
    (point,) = data["metrics"]
    assert (point["key"], point["value"], point["step"]) == ("acc", 0.9, 4)
    assert (point["dataset_name"], point["dataset_digest"]) == ("frame", "1")
    assert point["run_id"] == info["source_run_id"]
    query = {"run_id": point["run_id"]}
    run = requests.get(f"{uri}/runs/get", params=query, timeout=30).json()["run"]
    assert run["inputs"]["model_inputs"] == [{"model_id": info["model_id"]}]


def test_a_server_of_mlflow_is_copied_whole_and_once(
    mlflow: tuple[Path, str], server: ServerProcess
) -> None:
    status, report = run_import(mlflow[1], server)
    assert (status, report["problems"]) == (0, [])
    assert (report["experiments"], report["runs"], report["runs_already_there"]) == (3, 6, 0)
    assert (report["points"], report["datasets"], report["artifacts"]) == (5 * 51 + 2, 5, 5)
    assert report["left_out"] == {"traces, for which there is no place": 1}
    check(server)
    check_model(server)
    status, again = run_import(mlflow[1], server)
    assert (status, again["runs"], again["runs_already_there"]) == (0, 1, 5)  # one is RUNNING
    check(server)
    check_model(server)


def test_a_database_of_mlflow_is_copied_but_for_artifacts_that_are_elsewhere(
    mlflow: tuple[Path, str], server: ServerProcess
) -> None:
    status, report = run_import(f"sqlite:///{mlflow[0]}/mlflow.db", server)
    assert status == 1
    assert report["points"] == 5 * 51 + 2
    assert len(report["problems"]) == 7
    assert all("mlflow-artifacts:/" in problem for problem in report["problems"])
    check(server, artifacts=False)
    check_model(server)
    status, report = run_import(mlflow[1], server)  # which has them
    assert (status, report["artifacts"]) == (0, 5)
    check(server)
    check_model(server)


def test_a_folder_of_mlflow_is_copied(tmp_path: Path, server: ServerProcess) -> None:
    log_history(tmp_path, f"file:{tmp_path}/mlruns")
    status, report = run_import(str(tmp_path / "mlruns"), server)
    assert (status, report["problems"]) == (0, [])
    assert (report["runs"], report["points"], report["artifacts"]) == (6, 5 * 51 + 2, 5)
    assert report["left_out"] == {"traces, for which there is no place": 1}
    check(server)
    check_model(server)


@pytest.fixture(params=["postgresql", "mysql"])
def database(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A database of a PostgreSQL and of a MySQL: its URI, and that which MLflow takes."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database()
        yield url, url.replace("postgresql:", "postgresql+psycopg2:")
        return
    from support.mariadb import Mariadb

    mariadb = Mariadb()
    yield mariadb.url(), mariadb.url("+pymysql")
    mariadb.stop()


def test_a_database_of_a_server_is_copied(
    database: tuple[str, str], tmp_path: Path, server: ServerProcess
) -> None:
    url, url_of_mlflow = database
    log_history(tmp_path, url_of_mlflow)
    status, report = run_import(url, server, "--local-artifacts", str(tmp_path))
    assert (status, report["problems"]) == (0, [])
    assert (report["runs"], report["points"], report["models"]) == (6, 5 * 51 + 2, 1)
    assert report["artifacts"] == 5
    assert report["left_out"] == {"traces, for which there is no place": 1, "deleted runs": 2}
    check(server)
    check_model(server)
    assert run_import(url_of_mlflow, server)[1]["runs_already_there"] == 5


@pytest.mark.parametrize(
    "source", ["nothing", "oracle:///x", "http://127.0.0.1:1", "mysql://127.0.0.1:1/x"]
)
def test_a_source_that_is_none_is_named(tmp_path: Path, server: ServerProcess, source: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "import", "mlflow", source],
        cwd=tmp_path,
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
    )
    assert done.returncode in {2, 4}
    assert source.removeprefix("mysql://").removesuffix("x").split(":")[0] in done.stderr


def test_experiments_are_exported_to_a_server_of_mlflow_once(
    mlflow: tuple[Path, str], server: ServerProcess, tmp_path: Path
) -> None:
    (tmp_path / "files/deep").mkdir(parents=True)
    (tmp_path / "files/deep/größe.txt").write_text("hello")
    with TrackingClient(server.uri) as client:
        experiment_id = client.create_experiment("exported", tags={"owner": "ada"})
        parent = client.create_run(experiment_id, 1_000, run_name="parent", run_id="1" * 32)
        tags = {"mlflow.parentRunId": parent.info.run_id, "größe": "ä"}
        client.create_run(experiment_id, 2_000, tags, "child", "2" * 32, "ada")
        steps = range(2_500)
        client.log_columns("2" * 32, "loss", [step / 3 for step in steps], steps, steps)
        special = [math.nan, math.inf, -math.inf, -0.0]
        client.log_columns("2" * 32, "special", special, range(4), range(4))
        params = {f"p{i}": str(i) for i in range(150)} | {"long": "x" * 20_000}
        client.log_batch("2" * 32, (), params)
        client.flush_run("2" * 32)
        client.log_inputs("2" * 32, [DatasetInput(Dataset("d", "1", "t", "s", "", ""), {"a": "b"})])
        client.log_artifacts("2" * 32, tmp_path / "files")
        client.create_document(experiment_id, "report", "Results", "# Results")
        for number in ("1", "2"):
            client.update_run(number * 32, "FINISHED", end_time=3_000)

    def export() -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "runstream", "export", mlflow[1], "-n", "exported"]
        done = subprocess.run(
            [*command, "--json"],
            env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    status, report = export()
    assert status == 1  # of one param, which is too long for MLflow
    (problem,) = report["problems"]
    assert "'long'" in problem
    assert (report["runs"], report["points"], report["params"]) == (2, 2_504, 150)
    assert (report["datasets"], report["artifacts"]) == (1, 1)
    assert report["left_out"] == {"reports and views, for which MLflow has no place": 1}
    again = export()[1]
    assert (again["runs"], again["runs_already_there"]) == (1, 1)
    api = f"{mlflow[1]}/api/2.0/mlflow"
    query = {"experiment_name": "exported"}
    found = requests.get(f"{api}/experiments/get-by-name", params=query, timeout=30).json()
    ids = [found["experiment"]["experiment_id"]]
    answer = requests.post(f"{api}/runs/search", json={"experiment_ids": ids}, timeout=30).json()
    child, parent_there = answer["runs"]
    assert (child["info"]["run_name"], child["info"]["status"]) == ("child", "FINISHED")
    assert (child["info"]["start_time"], child["info"]["end_time"]) == (2_000, 3_000)
    stored = {tag["key"]: tag["value"] for tag in child["data"]["tags"]}
    assert stored["mlflow.parentRunId"] == parent_there["info"]["run_id"]
    assert stored["runstream.run_id"] == "2" * 32
    query = {"run_id": child["info"]["run_id"], "metric_key": "loss", "max_results": "25000"}
    history = requests.get(f"{api}/metrics/get-history", params=query, timeout=30).json()
    assert [point["value"] for point in history["metrics"]] == [step / 3 for step in range(2_500)]
    latest = {metric["key"]: metric["value"] for metric in child["data"]["metrics"]}
    assert latest["special"] == 0
    query = {"run_id": child["info"]["run_id"], "path": "deep"}
    files = requests.get(f"{api}/artifacts/list", params=query, timeout=30).json()["files"]
    assert [(file["path"], int(file["file_size"])) for file in files] == [("deep/größe.txt", 5)]
