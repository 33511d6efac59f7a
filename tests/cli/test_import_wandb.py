"""`runstream import wandb`, from folders that the real W&B wrote offline."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from runstream import TrackingClient
from runstream.entities import Run
from support.server_process import ENVIRONMENT, ServerProcess

PROGRAM = Path(__file__).with_name("programs") / "wandb_run.py"


def wandb_environment(folder: Path) -> dict[str, str]:
    return ENVIRONMENT | {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_CONFIG_DIR": str(folder / "config"),
    }


def log(folder: Path, kind: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, kind],
        cwd=folder,
        env=wandb_environment(folder) | environment,
        capture_output=True,
        text=True,
        timeout=150,
    )


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which four programs logged: one of them twice to the same run."""
    folder = tmp_path_factory.mktemp("wandb")
    for name in ("data", "cache", "config"):
        (folder / name).mkdir()
    for kind, first_step in (("whole", "0"), ("resumed", "0"), ("resumed", "5"), ("failed", "0")):
        done = log(folder, kind, FIRST_STEP=first_step)
        assert (done.returncode == 0) == (kind != "failed"), done.stderr
    return folder


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server()  # of its own: runs are imported once


def run_import(source: Path, server: ServerProcess, *options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "import", "wandb", source, "--json", *options],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def find_run(client: TrackingClient, wandb_id: str) -> Run:
    experiments = [found.experiment_id for found in client.search_experiments()]
    filter_string = f"tags.`runstream.import.id` LIKE '%/{wandb_id}'"
    (run,) = client.search_runs(experiments, filter_string)
    return run


def find_log(folder: Path, kind: str) -> Path:
    """Return the file of a run that was logged."""
    (found,) = (folder / "wandb").glob(f"offline-run-*-{kind}/run-*.wandb")
    return found


def find_whole(folder: Path) -> Path:
    by_size = sorted(folder.glob("wandb/*run-*/run-*.wandb"), key=lambda file: file.stat().st_size)
    return by_size[-1]


def test_all_that_a_run_logged_is_copied_once(logged: Path, server: ServerProcess) -> None:
    status, report = run_import(logged, server, "--dry-run", "--local-artifacts", str(logged))
    assert (status, report["runs"], report["problems"]) == (0, 3, [])
    status, report = run_import(logged, server, "--local-artifacts", str(logged))
    assert (status, report["runs"], report["problems"]) == (0, 3, [])
    assert report["left_out"]["alerts, which would be sent again"] == 1
    with TrackingClient(server.uri) as client:
        experiment = client.get_experiment_by_name("team/digits")
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        check_values(run)
        check_points(client, run.info.run_id)
        check_files(client, run.info.run_id)
        lines = [(line.stream, line.text) for line in client.read_console(run.info.run_id)]
        assert [text for stream, text in lines if stream == "stdout"] == [
            f"row {step}" for step in range(50)
        ]
        assert [text for stream, text in lines if stream == "stderr"] == ["bar 100%"]
    status, report = run_import(logged, server)
    assert (status, report["runs"], report["runs_already_there"]) == (0, 0, 3)


def check_values(run: Run) -> None:
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.info.end_time
    assert run.info.start_time < run.info.end_time
    assert run.data.params == {
        "lr": "0.1",
        "optimizer.name": "adam",
        "optimizer.betas": "[0.9, 0.99]",
        "none": "None",
        "late": "x" * 300,
    }
    expected = {
        "baseline": "true",
        "small": "true",
        "mlflow.note.content": "some notes",
        "mlflow.source.name": str(PROGRAM),
        "wandb.group": "groups",
        "wandb.job_type": "train",
        "summary.note.deep": "said",
        "summary.text": "größer",
        "runstream.import": "complete",
        "runstream.import.tracker": "wandb",
    }
    assert expected.items() <= run.data.tags.items()
    # What the summary alone has, and where it says something else than the history.
    metrics = run.data.metrics
    assert (metrics["best"], metrics["acc.max"], metrics["summary/loss"]) == (5, 6, 0.001)
    assert "system/system_memory_usage_percentage" in metrics
    assert not {"_step", "_runtime", "_timestamp"} & metrics.keys()


def check_points(client: TrackingClient, run_id: str) -> None:
    loss = client.get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in loss] == [(i, 1 / (i + 1)) for i in range(50)]
    assert all(0 < point.timestamp < time.time() * 1000 for point in loss)
    deep = client.get_metric_history(run_id, "nested.b.c")
    assert [point.value for point in deep] == [-step for step in range(50)]
    assert math.isnan(client.get_metric_history(run_id, "nan")[7].value)
    assert client.get_metric_history(run_id, "inf")[7].value == -math.inf
    assert [point.value for point in client.get_metric_history(run_id, "flag")][:2] == [1, 0]
    # Its steps are epochs; those of `share` are no integers.
    validation = client.get_metric_history(run_id, "val/loss")
    assert [(point.step, point.value) for point in validation] == [(0, 0), (1, 0.5), (2, 1)]
    by_share = client.get_metric_history(run_id, "by_share")
    assert [point.step for point in by_share] == [50, 51, 52]


def check_files(client: TrackingClient, run_id: str) -> None:
    series = {
        (folder, file.key): file
        for folder in ("images", "figures", "tables", "histograms")
        for file in client.list_series(run_id, folder)
    }
    assert set(series) == {
        ("images", "one"),
        ("images", "many"),
        ("figures", "page/html"),
        ("tables", "table"),
        ("histograms", "hist"),
    }
    assert len(client.list_series(run_id, "images", "many")) == 2
    assert series["images", "one"].step == 53
    image = client.download_artifacts(run_id, series["images", "one"].path)
    assert Path(image).read_bytes().startswith(b"\x89PNG")
    assert "<b>bold</b>" in client.load_text(run_id, series["figures", "page/html"].path)
    content = json.loads(client.load_text(run_id, series["tables", "table"].path))
    assert content == {"columns": ["x", "y"], "data": [[1, "a"], [2, None]]}
    histogram = json.loads(client.load_text(run_id, series["histograms", "hist"].path))
    assert (len(histogram["edges"]), sum(histogram["counts"])) == (65, 100)
    assert client.load_text(run_id, "saved.txt") == "saved"
    assert client.load_text(run_id, "artifacts/weights/deep/saved.txt") == "saved"
    others = client.load_text(run_id, "wandb/history.jsonl").splitlines()
    values = {row["key"]: (row["step"], row["value"]) for row in map(json.loads, others)}
    assert values["text"] == (1000, "größer")
    assert values["list"] == (1000, [1, "two"])
    assert values["one"][1]["caption"] == "black"
    names = {file.path for file in client.list_artifacts(run_id)}
    assert "requirements.txt" in names
    assert "output.log" not in names


def test_a_resumed_run_is_one_and_a_failed_one_says_so(logged: Path, server: ServerProcess) -> None:
    run_import(logged / "wandb", server)
    with TrackingClient(server.uri) as client:
        again = find_run(client, "again")
        history = client.get_metric_history(again.info.run_id, "loss")
        assert [point.step for point in history] == list(range(10))
        failed = find_run(client, "failed")
        assert (again.info.status, failed.info.status) == ("FINISHED", "FAILED")
        lines = [line.text for line in client.read_console(failed.info.run_id)]
        assert lines[-1] == "ValueError: out of memory"


def test_files_elsewhere_are_copied_only_if_they_are_allowed(
    logged: Path, server: ServerProcess
) -> None:
    status, report = run_import(find_whole(logged), server)
    assert status == 1
    assert len(report["problems"]) == 2, report["problems"]
    told = "\n".join(report["problems"])
    assert "artifact 'weights'" in told
    assert "saved.txt: it is a link to" in told
    with TrackingClient(server.uri) as client:
        run_id = find_run(client, find_whole(logged).stem.removeprefix("run-")).info.run_id
        assert not {"saved.txt", "artifacts"} & {
            file.path for file in client.list_artifacts(run_id)
        }


def test_a_run_that_goes_on_is_copied_further(
    logged: Path, tmp_path: Path, server: ServerProcess
) -> None:
    whole = find_whole(logged)
    copy = tmp_path / "wandb" / whole.parent.name / whole.name
    copy.parent.mkdir(parents=True)
    content = whole.read_bytes()
    run_id = whole.stem.removeprefix("run-")
    rows = [found.start() for found in re.finditer(b"loss", content)]
    copy.write_bytes(content[: rows[len(rows) // 2] + 2])  # within a record
    status, report = run_import(tmp_path, server)
    assert status == 1
    assert any("within a record" in problem for problem in report["problems"])
    with TrackingClient(server.uri) as client:
        run = find_run(client, run_id)
        assert run.info.status == "RUNNING"
        points = len(client.get_metric_history(run.info.run_id, "loss"))
        assert 0 < points < 50
    os.utime(copy, (1, 1))  # nobody has written since long
    run_import(tmp_path, server)
    with TrackingClient(server.uri) as client:
        run = find_run(client, run_id)
        assert run.info.status == "FAILED"
        assert run.info.end_time
    copy.write_bytes(content)
    run_import(tmp_path, server)
    with TrackingClient(server.uri) as client:
        run = find_run(client, run_id)
        assert run.info.status == "FINISHED"
        assert len(client.get_metric_history(run.info.run_id, "loss")) == 50
        assert run.data.params["late"] == "x" * 300


def test_a_run_that_was_copied_whole_and_is_resumed_then_is_copied_again(
    logged: Path, tmp_path: Path, server: ServerProcess
) -> None:
    first, second = sorted((logged / "wandb").glob("offline-run-*-again"))
    shutil.copytree(first, tmp_path / first.name)
    assert run_import(tmp_path, server)[1]["runs"] == 1
    assert run_import(tmp_path, server)[1]["runs_already_there"] == 1
    shutil.copytree(second, tmp_path / second.name)
    assert run_import(tmp_path, server)[1]["runs"] == 1
    with TrackingClient(server.uri) as client:
        run_id = find_run(client, "again").info.run_id
        assert len(client.get_metric_history(run_id, "loss")) == 10


def test_what_a_killed_program_wrote_is_copied(tmp_path: Path, server: ServerProcess) -> None:
    program = subprocess.Popen(
        [sys.executable, PROGRAM, "killed"],
        cwd=tmp_path,
        env=wandb_environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == "logged\n"
        give_up = time.monotonic() + 60
        while b"loss" not in find_log(tmp_path, "killed").read_bytes():
            assert time.monotonic() < give_up
            time.sleep(0.2)
    finally:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        program.stdout.close()
    run_import(tmp_path, server)
    with TrackingClient(server.uri) as client:
        run = find_run(client, "killed")
        assert run.info.status == "RUNNING"  # it may go on, for all that is known
        assert client.get_metric_history(run.info.run_id, "loss")[0].value == 0


def test_a_place_without_runs_and_a_file_of_another_kind_are_told(
    tmp_path: Path, server: ServerProcess
) -> None:
    file = tmp_path / "offline-run-1-a/run-a.wandb"
    file.parent.mkdir()
    file.write_bytes(b"no log")
    status, report = run_import(tmp_path, server)
    assert status == 1
    assert "is no file of W&B" in report["problems"][0]
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "import", "wandb", tmp_path / "empty"],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "has no run of W&B" in done.stderr


PUBLIC_RUN = SimpleNamespace(
    id="abc",
    name="exported",
    entity="team",
    project="digits",
    state="finished",
    config={"lr": 0.1, "deep": {"size": 3}},
    summary=SimpleNamespace(_json_dict={"best": 5, "loss": 0.5, "_timestamp": 1_700_000_001.5}),
    tags=["baseline"],
    notes="",
    group="g",
    job_type=None,
    created_at="2023-11-14T22:13:20Z",
    url="https://wandb.example/team/digits/runs/abc",
    scan_history=lambda: iter(
        [
            {"_step": 0, "_timestamp": 1_700_000_000.5, "loss": 1.0, "text": None},
            {"_step": 5, "_timestamp": 1_700_000_001.5, "loss": 0.5, "text": "said", "a.b": "NaN"},
        ]
    ),
)


def test_an_export_of_the_public_api_is_copied(tmp_path: Path, server: ServerProcess) -> None:
    program = (Path(__file__).parents[2] / "docs/importing.md").read_text()
    program = program.split("```python\n", 1)[1].split("```", 1)[0]
    api = SimpleNamespace(runs=lambda path: [PUBLIC_RUN] if path == "team/digits" else [])
    fake = ModuleType("wandb")
    fake.Api = lambda: api  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setitem(sys.modules, "wandb", fake)
        exec(compile(program, "docs/importing.md", "exec"), {})
    status, report = run_import(tmp_path / "export", server)
    assert (status, report["problems"]) == (0, [])
    with TrackingClient(server.uri) as client:
        run = find_run(client, "abc")
        assert (run.info.run_name, run.info.status) == ("exported", "FINISHED")
        assert (run.info.start_time, run.info.end_time) == (1_700_000_000_000, 1_700_000_001_500)
        assert run.data.params == {"lr": "0.1", "deep.size": "3"}
        assert run.data.tags["baseline"] == "true"
        assert run.data.tags["runstream.import.url"] == PUBLIC_RUN.url
        assert run.data.metrics["best"] == 5
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [(point.step, point.value) for point in history] == [(0, 1), (5, 0.5)]
        assert math.isnan(run.data.metrics["a.b"])
        assert "said" in client.load_text(run.info.run_id, "wandb/history.jsonl")
    assert run_import(tmp_path / "export", server)[1]["runs_already_there"] == 1


def test_a_table_of_a_history_is_read_and_what_is_broken_is_told(
    tmp_path: Path, server: ServerProcess
) -> None:
    for name, history, content in (
        ("a", "history.csv", "_step,_timestamp,loss\n0,1700000000,1.5\n1,1700000001,\n"),
        ("b", "history.json", '[{"_step": 3, "loss": 2.5}]'),
        ("c", "history.jsonl", '{"_step": 3, "loss": 2.5}\n{"_step'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / history).write_text(content)
        (tmp_path / name / "run.json").write_text(json.dumps({"id": name, "project": "p"}))
    (tmp_path / "d").mkdir()
    (tmp_path / "d/run.json").write_text("[]")
    status, report = run_import(tmp_path, server)
    assert (status, report["runs"], report["points"]) == (1, 3, 3)
    assert "d/run.json" in report["problems"][0]
    assert "c/history.jsonl:2" in report["problems"][1]
