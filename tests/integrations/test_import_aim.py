"""`runstream import aim`, from the repository of a real Aim."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from runstream import TrackingClient
from runstream.entities import Run
from support.frameworks import PROGRAMS, Frameworks
from support.server_process import ServerProcess
from support.shell import Shell

PROGRAM = (PROGRAMS / "aim_history.py").read_text()


def run_import(server: ServerProcess, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = Shell(server.uri).run("import", "aim", str(folder), "--json", *options)
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout)


def find_runs(client: TrackingClient, name: str) -> dict[str, Run]:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_a_repository_of_aim_is_copied_once_and_continued(
    frameworks: Frameworks, server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    first, _ = frameworks.run("aim", PROGRAM, tmp_path.name).split()
    _, would = run_import(server, tmp_path, "--dry-run")
    assert client.get_experiment_by_name(tmp_path.name) is None
    status, report = run_import(server, tmp_path)
    assert (status, report["problems"]) == (0, [])
    assert (report["runs"], report["points"], report["artifacts"]) == (2, 300, 14)
    assert (would["points"], would["artifacts"]) == (300, 14)
    assert report["left_out"] == {"metrics whose points have epochs, without these": 2}

    runs = find_runs(client, tmp_path.name)
    run, run_id = runs["run 0"], runs["run 0"].info.run_id
    assert run.info.status == "FINISHED"
    assert run.info.end_time is not None
    assert run.info.end_time >= run.info.start_time
    assert run.data.params == {
        "hparams.lr": "0.1",
        "hparams.layers": "[1, 2]",
        "hparams.opt.name": "sgd",
    }
    assert run.data.tags["good"] == "true"
    assert run.data.tags["mlflow.note.content"] == "about"
    assert run.data.tags["runstream.import.id"] == first
    assert "aim.archived" not in run.data.tags
    assert runs["run 1"].data.tags["aim.archived"] == "true"
    loss = client.get_metric_history(run_id, "loss/subset=train")
    assert [(point.step, point.value) for point in loss] == [
        (step, 1 / (step + 1)) for step in range(50)
    ]
    assert all(run.info.start_time <= point.timestamp <= run.info.end_time for point in loss)
    assert len(client.get_metric_history(run_id, "loss/fold=1/subset=val")) == 50
    accuracy = client.get_metric_history(run_id, "acc")
    assert [point.step for point in accuracy if math.isnan(point.value)] == [2]

    assert [file.step for file in client.list_series(run_id, "images", "seen/subset=train")] == [3]
    assert len(client.list_series(run_id, "images", "both")) == 2
    assert len(client.list_series(run_id, "audio", "sound")) == 1
    (histogram,) = client.list_series(run_id, "histograms", "weights")
    content = client.load_dict(run_id, histogram.path)
    assert content["counts"] == [10] * 10
    assert (content["edges"][0], content["edges"][-1]) == (0.0, 99.0)
    (words,) = client.list_artifacts(run_id, "texts")
    assert client.load_text(run_id, words.path) == "größer"
    (bars,) = client.list_series(run_id, "figures", "bars")
    assert client.load_dict(run_id, bars.path)["data"][0]["type"] == "bar"

    assert run_import(server, tmp_path / ".aim")[1]["runs_already_there"] == 2
    frameworks.run("aim", PROGRAM, tmp_path.name, first)
    status, again = run_import(server, tmp_path)
    assert (status, again["runs"], again["runs_already_there"]) == (0, 1, 1)
    loss = client.get_metric_history(run_id, "loss/subset=train")
    assert (len(loss), loss[-1].step, loss[-1].value) == (51, 50, 0.001)
    assert len(client.list_series(run_id, "images", "both")) == 2


def test_what_is_no_repository_and_what_is_missing_is_said(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(server.uri)
    assert "no repository of Aim" in shell.refusal(2, "import", "aim", str(tmp_path))
    monkeypatch.setitem(sys.modules, "aimrocks", None)
    assert "pip install aimrocks" in shell.run("import", "aim", str(tmp_path)).output
