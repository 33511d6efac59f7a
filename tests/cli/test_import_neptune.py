"""`runstream import neptune`, from files in the layout in which Neptune's exporter writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

PROJECT, RUN = "team/digits", "RUN-1"

_TIME = pyarrow.timestamp("ms", tz="UTC")
_NUMBERS = pyarrow.list_(pyarrow.float64())

#: The schema of all files of the exporter.
SCHEMA = pyarrow.schema(
    {
        "project_id": pyarrow.string(),
        "run_id": pyarrow.string(),
        "attribute_path": pyarrow.string(),
        "attribute_type": pyarrow.string(),
        "step": pyarrow.decimal128(18, 6),
        "timestamp": _TIME,
        "int_value": pyarrow.int64(),
        "float_value": pyarrow.float64(),
        "string_value": pyarrow.string(),
        "bool_value": pyarrow.bool_(),
        "datetime_value": _TIME,
        "string_set_value": pyarrow.list_(pyarrow.string()),
        "file_value": pyarrow.struct({"path": pyarrow.string()}),
        "histogram_value": pyarrow.struct(
            {"type": pyarrow.string(), "edges": _NUMBERS, "values": _NUMBERS}
        ),
    }
)


def to_name(text: str) -> str:
    """Return a name as the exporter writes it: with a digest behind it."""
    plain = "".join(c if c.isalnum() or c in "_-" else "_" for c in text)
    return f"{plain}-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def value(path: str, kind: str, given: Any, run: str = RUN, **columns: Any) -> dict[str, Any]:
    column = {"float_series": "float", "string_series": "string", "file_series": "file"}
    column |= {"histogram_series": "histogram", "file_set": "file"}
    return {
        "project_id": PROJECT,
        "run_id": run,
        "attribute_path": path,
        "attribute_type": kind,
        f"{column.get(kind, kind)}_value": given,
        **columns,
    }


def at(step: str | int, seconds: float = 0) -> dict[str, Any]:
    time = datetime.fromtimestamp(1_700_000_000 + seconds, timezone.utc)
    return {"step": Decimal(step), "timestamp": time}


def write(export: Path, rows: list[dict[str, Any]], part: int = 0, run: str = RUN) -> Path:
    file = export / "data" / to_name(PROJECT) / f"{to_name(run)}_part_{part}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(rows, schema=SCHEMA)
    pyarrow.parquet.write_table(table, file, compression="snappy")
    return file


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of one run in two parts."""
    export = tmp_path / "exports"
    created = datetime.fromtimestamp(1_600_000_000, timezone.utc)
    changed = datetime.fromtimestamp(1_700_000_100, timezone.utc)
    files = export / "files" / to_name(PROJECT)
    for path, content in (
        (f"{RUN}/model/weights.bin", "weights"),
        (f"{RUN}/images/sample/step_3.png", "\x89PNG"),
        (f"{RUN}/set/a.txt", "a"),
    ):
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(content)
    write(
        export,
        [
            value("sys/name", "string", "first"),
            value("sys/owner", "string", "ada"),
            value("sys/creation_time", "datetime", created),
            value("sys/modification_time", "datetime", changed),
            value("sys/failed", "bool", False),
            value("sys/tags", "string_set", ["baseline"]),
            value("sys/description", "string", "some words"),
            value("sys/custom_run_id", "string", "mine"),
            value("config/lr", "float", 0.1),
            value("config/layers", "int", 3),
            value("config/name", "string", "größer"),
            value("config/flag", "bool", True),
            value("config/set", "string_set", ["a", "b"]),
            *(value("train/loss", "float_series", 1 / (i + 1), **at(i, i)) for i in range(50)),
        ],
    )
    histogram = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [3.0, 4.0]}
    write(
        export,
        [
            *(value("train/loss", "float_series", 1 / (i + 1), **at(i, i)) for i in range(50, 99)),
            value("train/share", "float_series", 5.0, **at("1.5", 1)),
            value("bad\nname", "float_series", 5.0, **at(1, 1)),
            value("monitoring/a1b2/stdout", "string_series", "epoch 1\n", **at(0, 1)),
            value("monitoring/a1b2/stderr", "string_series", "careful", **at(0, 2)),
            value("notes", "string_series", "said", **at(7, 2)),
            value("weights/hist", "histogram_series", histogram, **at(4, 2)),
            value("model/weights", "file", {"path": f"{RUN}/model/weights.bin"}),
            value("set", "file_set", {"path": f"{RUN}/set"}),
            value(
                "samples/one",
                "file_series",
                {"path": f"{RUN}/images/sample/step_3.png"},
                **at(3, 3),
            ),
        ],
        part=1,
    )
    return export


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server()  # of its own: runs are imported once


def run_import(source: Path, server: ServerProcess, *options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "import", "neptune", source, "--json", *options],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_an_export_is_copied_whole(export: Path, server: ServerProcess) -> None:
    status, report = run_import(export, server, "--dry-run")
    assert (status, report["runs"]) == (1, 1)
    status, report = run_import(export, server)
    assert status == 1
    (problem,) = report["problems"]
    assert "metric 'bad\\nname'" in problem
    (left_out,) = report["left_out"].items()
    assert left_out == (
        "points whose steps are fractions, which were rounded down: --step-multiplier",
        1,
    )
    with TrackingClient(server.uri) as client:
        experiment = client.get_experiment_by_name(PROJECT)
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        assert (run.info.run_name, run.info.status, run.info.user_id) == (
            "first",
            "FINISHED",
            "ada",
        )
        assert run.info.start_time == 1_600_000_000_000
        assert run.info.end_time == 1_700_000_100_000
        assert run.data.params == {
            "config/lr": "0.1",
            "config/layers": "3",
            "config/name": "größer",
            "config/flag": "True",
            "config/set": '["a", "b"]',
        }
        expected = {
            "baseline": "true",
            "mlflow.note.content": "some words",
            "neptune.custom_run_id": "mine",
            "runstream.import.id": f"{PROJECT}/{RUN}",
            "runstream.import.tracker": "neptune",
        }
        assert expected.items() <= run.data.tags.items()
        run_id = run.info.run_id
        loss = client.get_metric_history(run_id, "train/loss")
        assert [(point.step, point.value, point.timestamp) for point in loss] == [
            (i, 1 / (i + 1), (1_700_000_000 + i) * 1000) for i in range(99)
        ]
        assert client.get_metric_history(run_id, "train/share")[0].step == 1
        lines = [(line.stream, line.text) for line in client.read_console(run_id)]
        assert lines == [("stdout", "epoch 1"), ("stderr", "careful")]
        assert client.load_text(run_id, "model/weights.bin") == "weights"
        assert client.load_text(run_id, "set/a.txt") == "a"
        (image,) = client.list_series(run_id, "images")
        assert (image.key, image.step) == ("samples/one", 3)
        (histogram,) = client.list_series(run_id, "histograms")
        counts = json.loads(client.load_text(run_id, histogram.path))
        assert counts == {"edges": [0, 1, 2], "counts": [3, 4], "not_finite": 0}
        row = json.loads(client.load_text(run_id, "neptune/history.jsonl"))
        assert (row["key"], row["step"], row["value"]) == ("notes", 7, "said")


def test_fractions_of_steps_are_multiplied_and_a_whole_run_is_passed_over(
    tmp_path: Path, server: ServerProcess
) -> None:
    write(tmp_path, [value("a", "float_series", 1.0, **at(step)) for step in ("0.5", "1.25", "2")])
    status, report = run_import(tmp_path / "data", server, "--step-multiplier", "100")
    assert (status, report["left_out"]) == (0, {})
    with TrackingClient(server.uri) as client:
        experiment = client.get_experiment_by_name(PROJECT)
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        history = client.get_metric_history(run.info.run_id, "a")
        assert [point.step for point in history] == [50, 125, 200]
    assert run_import(tmp_path, server)[1]["runs_already_there"] == 1


def test_files_outside_and_files_that_are_broken_cost_themselves(
    export: Path, server: ServerProcess
) -> None:
    (export / "secret").write_text("secret")
    write(
        export,
        [
            value("stolen", "file", {"path": "../../secret"}, run="B"),
            value("gone", "file", {"path": "gone.txt"}, run="B"),
            value("sys/failed", "bool", True, run="B"),
        ],
        run="B",
    )
    broken = write(export, [value("a", "int", 1, run="C")], run="C")
    broken.write_bytes(broken.read_bytes()[:100])
    status, report = run_import(export, server)
    told = "\n".join(report["problems"])
    assert status == 1
    assert "'stolen'" in told
    assert "is outside of" in told
    assert "there is no file" in told
    assert str(broken) in told
    with TrackingClient(server.uri) as client:
        experiment = client.get_experiment_by_name(PROJECT)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED"]
