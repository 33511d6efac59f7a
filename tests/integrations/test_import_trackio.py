"""`runstream import trackio`, from what real versions of Trackio stored."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runstream import TrackingClient
from runstream.entities import Run
from support.frameworks import PROGRAMS, Frameworks
from support.server_process import ServerProcess
from support.shell import Shell

PROGRAM = (PROGRAMS / "trackio_history.py").read_text()


def run_import(server: ServerProcess, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = Shell(server.uri).run("import", "trackio", str(folder), "--json", *options)
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout)


def log_runs(frameworks: Frameworks, environment: str, folder: Path) -> Path:
    """Run the program, and return the folder of Trackio under a name of its own."""
    frameworks.run(
        environment,
        PROGRAM,
        HF_HOME=str(folder),
        TRACKIO_DIR=str(folder / "trackio"),
        GRADIO_ANALYTICS_ENABLED="0",
    )
    store = folder / "trackio"
    for file in store.glob("wine.*"):  # the server has an experiment for each test then
        file.rename(file.with_name(file.name.replace("wine", folder.name)))
    return store


def find_runs(client: TrackingClient, name: str) -> dict[str, Run]:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


@pytest.mark.parametrize("environment", ["trackio", "trackio-lowest"])
def test_projects_of_trackio_are_copied_once_and_continued(
    frameworks: Frameworks,
    server: ServerProcess,
    client: TrackingClient,
    tmp_path: Path,
    environment: str,
) -> None:
    store = log_runs(frameworks, environment, tmp_path)
    is_new = environment == "trackio"
    status, would = run_import(server, store, "--dry-run")
    assert (status, would["runs"]) == (0, 2)
    assert client.get_experiment_by_name(tmp_path.name) is None
    status, report = run_import(server, store)
    assert (status, report["problems"]) == (0, [])
    points = 2 * (50 * 4 + 1 + 2 * is_new)
    assert (report["runs"], report["points"], report["artifacts"]) == (2, points, 4 + 2 * is_new)
    assert would["points"] == points

    run = find_runs(client, tmp_path.name)["first"]
    run_id = run.info.run_id
    assert run.info.status == "FINISHED"
    assert run.data.params == ({"lr": "0.1", "model.layers": "2"} if is_new else {})
    assert run.data.metrics["late"] == math.inf
    assert run.data.metrics.keys() >= {"train/loss", "deep.a", "is"}
    accuracy = client.get_metric_history(run_id, "acc")
    assert [point.step for point in accuracy] == list(range(50))
    assert math.isnan(accuracy[1].value)
    assert [file.step for file in client.list_series(run_id, "images", "seen")] == [60]
    (table,) = client.list_series(run_id, "tables", "rows")
    assert client.load_dict(run_id, table.path) == {
        "columns": ["a", "b"],
        "data": [[1, "x"], [2, "y"]],
    }
    if is_new:
        (histogram,) = client.list_series(run_id, "histograms", "weights")
        assert client.load_dict(run_id, histogram.path)["counts"] == [10] * 10
        power = client.get_metric_history(run_id, "system/gpu/0/power")
        assert [(point.step, point.value) for point in power] == [(0, 50.0), (1, 60.0)]
        assert report["left_out"]["alerts"] == 2

    assert run_import(server, store)[1]["runs_already_there"] == 2
    add_row(store / f"{tmp_path.name}.db", "run_id, " if is_new else "")
    status, again = run_import(server, store)
    assert (again["runs"], again["runs_already_there"]) == (1, 1)
    assert client.get_run(run_id).data.metrics["acc"] == 99
    assert len(client.get_metric_history(run_id, "acc")) == 51
    assert len(client.list_series(run_id, "images", "seen")) == 1


def add_row(database: Path, ids: str) -> None:
    """Add what Trackio would, had the first run gone on."""
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(
            f"INSERT INTO metrics ({ids}timestamp, run_name, step, metrics) "
            f"SELECT {ids}timestamp, run_name, 99, '{{\"acc\": 99}}' FROM metrics "
            "WHERE run_name = 'first' LIMIT 1"
        )


def test_media_lead_to_no_file_outside_of_the_folder(
    frameworks: Frameworks, server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    store = log_runs(frameworks, "trackio", tmp_path)
    (tmp_path / "secret.png").write_bytes(b"secret")
    stolen = {"_type": "trackio.image", "file_path": "../../secret.png"}
    broken = '{"acc": 1'
    with closing(sqlite3.connect(store / f"{tmp_path.name}.db")) as database, database:
        for text in (json.dumps({"stolen": stolen}), broken, '{"a\\nb": 1, "acc": 7}'):
            database.execute(
                "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
                "SELECT run_id, timestamp, run_name, 70, ? FROM metrics ORDER BY id LIMIT 1",
                (text,),
            )
    status, report = run_import(server, store)
    assert status == 1
    told = "\n".join(report["problems"])
    for words in ("there is no file '../../secret.png'", "it is no JSON", "a\\nb"):
        assert words in told, told
    runs = find_runs(client, tmp_path.name)
    assert not client.list_series(runs["first"].info.run_id, "images", "stolen")
    assert runs["first"].data.metrics["acc"] == 7
    assert runs["second"].data.tags["runstream.import"] == "complete"
    assert "runstream.import" not in runs["first"].data.tags
