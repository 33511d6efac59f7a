"""`runstream runs` against a real server."""

from __future__ import annotations

import csv
import io
import math
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from runstream import TrackingClient
from support.shell import COMMAND, Shell


@pytest.fixture
def experiment_id(client: TrackingClient, request: pytest.FixtureRequest) -> str:
    """An experiment of this test alone."""
    return client.create_experiment(request.node.name)


@pytest.fixture
def run_ids(client: TrackingClient, experiment_id: str) -> list[str]:
    """Three runs that ended, the last the newest."""
    run_ids = []
    for i in range(3):
        run_id = client.create_run(
            experiment_id, run_name=f"run {i}", start_time=1_000 + i
        ).info.run_id
        metrics = [("loss", 1 / (i + 1), 5, 0)] + [("only", math.nan, 6, 1)] * (i == 1)
        client.log(run_id, metrics, {"lr": f"0.{i}", "same": "1"}, {"note": "a\nb\x1b[31m"})
        client.set_terminated(run_id, end_time=91_500 + i)
        run_ids.append(run_id)
    return run_ids


def test_runs_are_listed_the_newest_first(
    shell: Shell, experiment_id: str, run_ids: list[str]
) -> None:
    head, *rows = shell.rows("runs", "list", "-x", experiment_id)
    assert head == ["run", "name", "experiment", "status", "started", "duration"]
    assert [row[0] for row in rows] == run_ids[::-1]
    assert rows[0][1:4] == ["run 2", experiment_id, "FINISHED"]
    assert rows[0][5] == "1m30s"


def test_a_list_is_filtered_ordered_limited_and_given_columns(
    shell: Shell, client: TrackingClient, experiment_id: str, run_ids: list[str]
) -> None:
    name = client.get_experiment(experiment_id).name
    found = ("runs", "list", "--experiment-name", name)
    listed = shell.rows(*found, "--filter", "metrics.loss < 0.9", "--order-by", "metrics.loss")
    assert [row[0] for row in listed[1:]] == [run_ids[2], run_ids[1]]
    show = ("--show", "metrics.loss", "--show", "params.lr", "--show", "tags.absent")
    head, row = shell.rows(*found, "--limit", "1", *show)
    assert head[-3:] == ["metrics.loss", "params.lr", "tags.absent"]
    assert row[0] == run_ids[2]
    assert row[-2:] == ["0.333333", "0.2"]


def test_the_experiment_may_come_from_the_environment(
    shell: Shell, client: TrackingClient, experiment_id: str, run_ids: list[str]
) -> None:
    name = client.get_experiment(experiment_id).name
    for variable in (experiment_id, f"name:{name}"):  # the second without a server, by MLflow
        listed = shell.json("runs", "list", MLFLOW_EXPERIMENT_ID=variable)
        assert [run["info"]["run_id"] for run in listed] == run_ids[::-1]
    everywhere = shell.json("runs", "list", "--limit", "0")
    assert {run["info"]["run_id"] for run in everywhere} >= set(run_ids)


def test_runs_of_several_experiments_are_listed_together(
    shell: Shell, client: TrackingClient, experiment_id: str, run_ids: list[str]
) -> None:
    other = client.create_experiment("one more")
    run_id = client.create_run(other).info.run_id
    listed = shell.json("runs", "list", "-x", experiment_id, "-n", "one more")
    assert {run["info"]["run_id"] for run in listed} == {*run_ids, run_id}


def test_json_has_the_names_of_the_contract_and_every_value(
    shell: Shell, experiment_id: str, run_ids: list[str]
) -> None:
    """M3: what JSON has no number for is a string, as in the contract's JSON."""
    shown = shell.json("runs", "show", run_ids[1])
    assert shown["info"] == {
        "run_id": run_ids[1],
        "experiment_id": experiment_id,
        "run_name": "run 1",
        "user_id": "",
        "status": "FINISHED",
        "start_time": 1_001,
        "end_time": 91_501,
        "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{run_ids[1]}/artifacts",
        "lifecycle_stage": "active",
        "deleted_by": None,
    }
    assert shown["data"]["metrics"] == {"loss": 0.5, "only": "NaN"}
    assert shown["data"]["params"] == {"lr": "0.1", "same": "1"}
    assert shown["inputs"] == {"dataset_inputs": [], "model_inputs": []}
    assert shown["outputs"] == {"model_outputs": []}
    assert shell.json("runs", "list", "-x", experiment_id)[1] == shown


def test_a_run_is_shown_without_what_would_steer_the_terminal(
    shell: Shell, run_ids: list[str]
) -> None:
    rows = dict(row for row in shell.rows("runs", "show", run_ids[1]) if len(row) == 2)
    assert rows["name"] == "run 1"
    assert rows["metrics.only"] == "nan"
    assert rows["tags.note"] == r"a\nb\x1b[31m"


def test_runs_are_compared_key_by_key(shell: Shell, run_ids: list[str]) -> None:
    compare_runs = shell.json("runs", "compare", *run_ids[:2])
    assert compare_runs["run_ids"] == run_ids[:2]
    rows = {row["key"]: (row["values"], row["different"]) for row in compare_runs["rows"]}
    assert rows["params.lr"] == (["0.0", "0.1"], True)
    assert rows["params.same"] == (["1", "1"], False)
    assert rows["metrics.only"] == ([None, "NaN"], True)
    different = shell.rows("runs", "compare", "--different", *run_ids[:2])
    assert ["params.lr", "≠", "0.0", "0.1"] in different
    assert "params.same" not in {row[0] for row in different}


def test_runs_are_deleted_and_restored(
    shell: Shell, experiment_id: str, run_ids: list[str]
) -> None:
    """R2."""
    shell.output("runs", "delete", *run_ids[:2])
    found = ("runs", "list", "-x", experiment_id)
    assert [run["info"]["run_id"] for run in shell.json(*found)] == [run_ids[2]]
    deleted = shell.rows(*found, "--view", "deleted_only")
    assert [row[3] for row in deleted[1:]] == ["FINISHED, deleted"] * 2
    shell.output("runs", "restore", *run_ids[:2])
    assert len(shell.json(*found)) == 3


def test_runs_are_moved_with_their_child_runs(
    shell: Shell, client: TrackingClient, experiment_id: str, run_ids: list[str]
) -> None:
    """R10."""
    client.create_experiment("another")
    client.set_tag(run_ids[1], "mlflow.parentRunId", run_ids[0])
    client.flush()
    printed = shell.output("runs", "move", run_ids[0][:12], "-n", "another")
    assert printed.strip() == "Moved 2 runs to experiment another."
    found = shell.json("runs", "list", "-n", "another")
    assert {run["info"]["run_id"] for run in found} == set(run_ids[:2])
    assert len(shell.json("runs", "list", "-x", experiment_id)) == 1
    assert "experiment-name" in shell.refusal(2, "runs", "move", run_ids[0])


def test_runs_are_copied_with_their_child_runs(
    shell: Shell, client: TrackingClient, run_ids: list[str]
) -> None:
    """R11."""
    client.create_experiment("archive")
    client.set_tag(run_ids[1], "mlflow.parentRunId", run_ids[0])
    for run_id in run_ids[:2]:
        client.set_terminated(run_id)
    said, copied = shell.output("runs", "copy", run_ids[0][:12], "-n", "archive").splitlines()
    assert said == "Copied 2 runs to experiment archive."
    found = {run["info"]["run_id"] for run in shell.json("runs", "list", "-n", "archive")}
    assert copied in found
    assert len(found) == 2
    copies = shell.json("runs", "copy", run_ids[1], "-n", "archive")
    assert list(copies) == [run_ids[1]]
    assert "experiment-name" in shell.refusal(2, "runs", "copy", run_ids[0])


def test_child_runs_are_deleted_with_their_parent_if_asked(
    shell: Shell, client: TrackingClient, experiment_id: str, run_ids: list[str]
) -> None:
    """R2."""
    for child, parent in ((run_ids[1], run_ids[0]), (run_ids[2], run_ids[1])):
        client.set_tag(child, "mlflow.parentRunId", parent)
    client.flush()
    found = ("runs", "list", "-x", experiment_id)
    shell.output("runs", "delete", "--with-children", run_ids[0])
    assert shell.json(*found) == []
    shell.output("runs", "restore", run_ids[0])
    assert len(shell.json(*found)) == 3


def test_csv_has_the_columns_of_the_data_frame(
    shell: Shell, experiment_id: str, run_ids: list[str]
) -> None:
    done = shell.process("runs", "export", "-x", experiment_id)
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert list(rows[0]) == [
        *("run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"),
        *("metrics.loss", "metrics.only", "params.lr", "params.same"),
        *("tags.mlflow.runName", "tags.note"),
    ]
    assert [row["run_id"] for row in rows] == run_ids[::-1]
    assert rows[1]["start_time"] == "1970-01-01T00:00:01.001+00:00"
    assert [row["metrics.only"] for row in rows] == ["", "nan", ""]
    assert rows[0]["metrics.loss"] == repr(1 / 3)
    assert rows[0]["tags.note"] == "a\nb\x1b[31m"


def test_an_exported_text_is_no_formula(
    shell: Shell, client: TrackingClient, experiment_id: str, tmp_path: Path
) -> None:
    formulas = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "＝1"]
    others = ["-1.5", "+7", "-inf", "a=b", "'", "' =", ""]
    params = {f"={i}": text for i, text in enumerate(formulas + others)}
    client.log(client.create_run(experiment_id).info.run_id, [("m", -0.5, 1, 0)], params)
    shell.output("runs", "export", "-x", experiment_id, "-o", str(tmp_path / "runs.csv"))
    with open(tmp_path / "runs.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["metrics.m"] == "-0.5"
    found = [row[f"params.={i}"] for i in range(len(params))]
    assert found == [f"'{text}" for text in formulas] + others


def test_parquet_has_the_same_values(
    shell: Shell, experiment_id: str, run_ids: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "runs.parquet"
    shell.output("runs", "export", "-x", experiment_id, "--output", str(file))
    frame = pd.read_parquet(file)
    assert list(frame["run_id"]) == run_ids[::-1]
    assert list(frame["metrics.loss"]) == [1 / 3, 1 / 2, 1]
    assert frame["end_time"][0] == pd.Timestamp("1970-01-01T00:01:31.502", tz="UTC")
    assert os.listdir(tmp_path) == ["runs.parquet"]


def test_without_pandas_parquet_says_what_to_install_and_csv_works(
    shell: Shell, experiment_id: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['pandas'] = None")
    environment = {"PYTHONPATH": str(tmp_path)}
    export = ("runs", "export", "-x", experiment_id)
    done = shell.process(*export, "--format", "parquet", **environment)
    assert done.returncode == 1
    assert "pip install pandas" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert shell.process(*export, **environment).returncode == 0


def test_a_file_that_cannot_be_made_is_an_error_of_one_line(
    shell: Shell, experiment_id: str, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "nowhere" / "runs.csv")
    assert nowhere in shell.refusal(1, "runs", "export", "-x", experiment_id, "-o", nowhere)


@pytest.mark.usefixtures("run_ids")
def test_a_reader_that_has_enough_ends_the_list_quietly(shell: Shell, experiment_id: str) -> None:
    command = [*COMMAND, "runs", "list", "--json", "-x", experiment_id]
    with subprocess.Popen(
        command,
        env=os.environ | shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_the_status_says_what_is_wrong(shell: Shell) -> None:
    nobody = "f" * 32
    assert nobody in shell.refusal(3, "runs", "show", nobody)
    assert nobody in shell.refusal(3, "runs", "delete", nobody)
    assert "column" in shell.refusal(2, "runs", "list", "--filter", "metrics.loss <")
    assert "column" in shell.refusal(2, "runs", "list", "--order-by", "nonsense()")
    assert "'foo'" in shell.refusal(2, "runs", "list", "--show", "foo")
    assert "999" in shell.refusal(3, "runs", "list", "-x", "999")
    assert "'nobody'" in shell.refusal(3, "runs", "export", "-n", "nobody")
    assert "--output runs.csv" in shell.refusal(2, "runs", "export", "runs.csv")
    assert "--experiment-name fraud" in shell.refusal(2, "runs", "export", "fraud")
