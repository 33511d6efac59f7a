"""`runstream import csv` and `import parquet`: long and wide tables, and what is wrong in them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
import requests

from runstream import TrackingClient
from runstream.entities import Run
from support.server_process import ServerProcess
from support.shell import Shell

Import = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run_import(shell: Shell) -> Import:
    """Import a table, and return the exit status and the report."""

    def run_import(form: str, path: Path, *options: str) -> tuple[int, dict[str, Any]]:
        done = shell.run("import", form, str(path), "--json", *options)
        return done.exit_code, json.loads(done.stdout)

    return run_import


def runs_by_name(client: TrackingClient, experiment: str) -> dict[str, Run]:
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def points(client: TrackingClient, run: Run, key: str) -> list[tuple[int, int, str]]:
    history = client.get_metric_history(run.info.run_id, key)
    return [(point.step, point.timestamp, repr(point.value)) for point in history]


def test_a_long_table_has_its_rows_in_any_order_of_runs(
    tmp_path: Path, client: TrackingClient, run_import: Import
) -> None:
    lines = ["run,metric,step,timestamp,value"]
    for step in range(-3, 5000):
        for run in ("a", "b"):
            lines.append(f"{run},loss,{step},{1_700_000_000_000 + step},{step / 7}")
    lines += ["b,acc,9223372036854775807,1700000000000,inf", "a,acc,0,1700000000000,"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert run_import("csv", tmp_path)[1]["points"] == 2 * 5003 + 2
    runs = runs_by_name(client, tmp_path.name)
    for name in ("a", "b"):
        assert points(client, runs[name], "loss") == [
            (step, 1_700_000_000_000 + step, repr(step / 7)) for step in range(-3, 5000)
        ]
        assert runs[name].info.status == "FINISHED"
        assert runs[name].data.tags["runstream.import.tracker"] == "csv"
        assert runs[name].data.tags["runstream.import.id"] == name
    assert points(client, runs["b"], "acc") == [(2**63 - 1, 1_700_000_000_000, "inf")]
    assert points(client, runs["a"], "acc") == [(0, 1_700_000_000_000, "nan")]  # as pandas has it
    assert run_import("csv", tmp_path)[1]["runs_already_there"] == 2


def test_what_is_wrong_is_told_with_its_place_and_copied_when_it_is_mended(
    tmp_path: Path, client: TrackingClient, run_import: Import
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        'run,step,note,loss,acc\na,0,"two\nlines",0.5,0.1\na,1.5,,0.5,0.2\n'
        "b,0,x,0.5,0.3\n\nb,1,y,many,0.4\nb,2\n,3,,1,1\n"
    )
    status, report = run_import("csv", table, "--experiment", tmp_path.name)
    told = "\n".join(report["problems"])
    assert status == 1
    for place in (
        ":4: column 'step': '1.5' is no whole number",
        ":7: column 'loss': 'many' is no number",
        ":7: column 'note': 'y' is another one than 'x'",
        ":8: it has 2 columns, not 5",
        ":9: column 'run': '' names no run",
    ):
        assert f"{table}{place}" in told, told
    table.write_text(
        'run,step,note,loss,acc\na,0,"two\nlines",0.5,0.1\na,1,,0.5,0.2\n'
        "b,0,x,0.5,0.3\n\nb,1,x,0.25,0.4\nb,2,x,0.1,0.1\n"
    )
    assert run_import("csv", table, "--experiment", tmp_path.name)[0] == 0
    runs = runs_by_name(client, tmp_path.name)
    assert runs["a"].data.params == {"note": "two\nlines"}
    assert points(client, runs["a"], "acc") == [(0, 0, "0.1"), (1, 0, "0.2")]
    assert points(client, runs["b"], "loss") == [(0, 0, "0.5"), (1, 0, "0.25"), (2, 0, "0.1")]
    assert run_import("csv", table, "--experiment", tmp_path.name)[1]["runs_already_there"] == 2


def test_files_of_csv_loggers_are_runs_by_their_folders(
    tmp_path: Path, client: TrackingClient, run_import: Import
) -> None:
    lightning = tmp_path / "version_0/metrics.csv"
    lightning.parent.mkdir()
    lightning.write_text("epoch,step,train_loss,val_loss\n0,9,0.5,\n0,9,,0.625\n1,19,0.25,\n")
    keras = tmp_path / "baseline.csv"
    keras.write_text("epoch,loss,val_loss\r\n0,1.5,NA\r\n1,nan,0.5\r\n")
    (tmp_path / "empty.csv").write_text("")
    status, report = run_import("csv", tmp_path)
    assert status == 1  # because of the empty one
    assert report["problems"] == [
        f"{tmp_path}/empty.csv: {tmp_path}/empty.csv: its first row has no names of columns"
    ]
    runs = runs_by_name(client, tmp_path.name)
    assert runs.keys() == {"version_0", "baseline"}
    assert points(client, runs["version_0"], "train_loss") == [(9, 0, "0.5"), (19, 0, "0.25")]
    assert points(client, runs["version_0"], "val_loss") == [(9, 0, "0.625")]
    assert points(client, runs["version_0"], "epoch") == [(9, 0, "0.0"), (19, 0, "1.0")]
    assert points(client, runs["baseline"], "loss") == [(0, 0, "1.5"), (1, 0, "nan")]
    assert points(client, runs["baseline"], "val_loss") == [(1, 0, "0.5")]


def test_a_table_of_runs_has_their_params_and_last_metrics(
    tmp_path: Path, client: TrackingClient, run_import: Import, shell: Shell
) -> None:
    table = tmp_path / "sheet.csv"
    table.write_text(
        "name;lr;optimizer;team;accuracy;started;status\n"
        "first;0.1;sgd;'=x;0.9;2024-01-02T03:04:05Z;finished\n"
        "second;0.2;adam;red;NA;2024-01-02 03:04:06;failed\n"
    )
    options = ("--metric", "accuracy", "--tag", "team", "--experiment", tmp_path.name)
    shown = shell.output("import", "csv", str(table), "--dry-run", *options)
    for line in ("run: name", "start_time: started", "params: lr, optimizer", "metrics: accuracy"):
        assert line in shown
    assert client.get_experiment_by_name(tmp_path.name) is None
    assert run_import("csv", table, *options)[0] == 0
    runs = runs_by_name(client, tmp_path.name)
    first, second = runs["first"], runs["second"]
    assert first.data.params == {"lr": "0.1", "optimizer": "sgd"}
    assert first.data.tags["team"] == "=x"  # a spreadsheet would have run it
    assert points(client, first, "accuracy") == [(0, 1_704_164_645_000, "0.9")]
    assert first.info.start_time == 1_704_164_645_000
    assert (second.info.status, second.data.metrics) == ("FAILED", {})


def test_an_option_that_names_no_column_says_which_there_are(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "t.csv").write_text("run,loss\na,1\n")
    refusal = shell.refusal(2, "import", "csv", str(tmp_path), "--step", "iteration")
    assert "--step names the column 'iteration'; the columns are 'loss', 'run'" in refusal
    assert "there is no file *.parquet" in shell.refusal(2, "import", "parquet", str(tmp_path))
    assert "there is no" in shell.refusal(2, "import", "csv", str(tmp_path / "other.csv"))
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    assert "no file of Parquet" in shell.refusal(
        2, "import", "parquet", str(tmp_path / "t.parquet")
    )


def test_columns_of_any_name_are_named_by_options(
    tmp_path: Path, client: TrackingClient, run_import: Import
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("who,what,when,much,team,size\na,loss,1700000000.5,0.5,red,3\n")
    options = ["--run", "who", "--key", "what", "--timestamp", "when", "--value", "much"]
    options += ["--experiment", "team", "--param", "size"]
    table.write_text(table.read_text().replace("red", tmp_path.name))
    assert run_import("csv", table, *options)[0] == 0
    run = runs_by_name(client, tmp_path.name)["a"]
    assert points(client, run, "loss") == [(0, 1_700_000_000_500, "0.5")]
    assert run.data.params == {"size": "3"}


def test_parquet_is_read_like_csv(
    tmp_path: Path, client: TrackingClient, run_import: Import
) -> None:
    start = pandas.Timestamp("2024-01-02T03:04:05.678", tz="Europe/Vienna")
    frame = pandas.DataFrame({
        "run": ["a", "b"] * 3000,
        "step": range(6000),
        "time": [start] * 6000,
        "loss": [None, math.inf] + [0.5] * 5998,
        "config.layers": [[1, 2]] * 6000,
        "config.lr": [0.1, 0.2] * 3000,
    })  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    status, report = run_import("parquet", tmp_path)
    assert (status, report["points"]) == (0, 5999)
    runs = runs_by_name(client, tmp_path.name)
    assert runs["a"].data.params == {"layers": "[1, 2]", "lr": "0.1"}
    assert points(client, runs["b"], "loss")[0] == (1, 1_704_161_045_678, "inf")
    assert [step for step, *_ in points(client, runs["a"], "loss")] == list(range(2, 6000, 2))
    assert run_import("parquet", tmp_path)[1]["runs_already_there"] == 2


def test_what_runstream_exports_comes_back(
    tmp_path: Path, start_server: Callable[..., ServerProcess]
) -> None:
    origin = start_server("origin.db", RUNSTREAM_HTTP_PORT="0")
    shell, files = Shell(origin.uri), tmp_path / "files"
    files.mkdir()
    with TrackingClient(origin.uri) as client:
        experiment = client.create_experiment("e")
        run = client.create_run(experiment, run_name="a", tags={"team": "=red", "bare": "'x"})
        run_id = run.info.run_id
        logged = [("loss", 1 / 3, 5, -1), ("loss", math.nan, 7, 2), ("top/acc", math.inf, 9, 3)]
        client.log_batch(run_id, logged, {"lr": "0.10"})
        client.update_run(run_id, "FAILED", end_time=run.info.start_time + 10)
        before = client.get_run(run_id)
    for form in ("csv", "parquet"):
        file = str(files / f"runs.{form}")
        shell.output("runs", "export", "--experiment-name", "e", "--output", file)
        there = start_server(f"{form}.db")
        Shell(there.uri).output("import", form, file)
        with TrackingClient(there.uri) as client:
            after = client.get_run(run_id)
            assert after.data.params == before.data.params
            assert {key: after.data.tags[key] for key in ("team", "bare")} == {
                "team": "=red",
                "bare": "'x",
            }
            assert after.data.metrics["top/acc"] == math.inf
            assert after.info.run_name == "a"
            assert (after.info.status, after.info.start_time, after.info.end_time) == (
                "FAILED",
                before.info.start_time,
                before.info.end_time,
            )
    query = {"run_ids": run_id, "metric_keys": ["loss", "top/acc"]}
    table = requests.get(
        f"{origin.http}/api/1.0/runstream/metrics/history/csv", query, timeout=60
    ).content
    (files / "points.csv").write_bytes(table)
    there = start_server("points.db")
    Shell(there.uri).output("import", "csv", str(files / "points.csv"))
    with TrackingClient(there.uri) as client:
        found = client.get_metric_history(run_id, "loss")
        found += client.get_metric_history(run_id, "top/acc")
        assert [(point.key, repr(point.value), point.timestamp, point.step) for point in found] == [
            (key, repr(value), timestamp, step) for key, value, timestamp, step in logged
        ]
        assert client.get_run(run_id).info.run_name == "a"
