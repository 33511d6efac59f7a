"""Whole experiments: to a folder and back, and from one server to another."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from runstream import TrackingClient
from runstream.cli import main
from runstream.entities import ConsoleLine, Dataset, DatasetInput
from support.server_process import ServerProcess

#: A NaN with a payload, which no arithmetic makes.
ODD_NAN: float = struct.unpack("<d", bytes([1, 2, 3, 4, 5, 6, 0xF4, 0xFF]))[0]
VALUES = [ODD_NAN, float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 5e-324, 1.7e308]
BIG = 2**63 - 1


def log_run(client: TrackingClient, experiment_id: str, number: int, folder: Path) -> str:
    run_id = f"{number:032x}"
    client.create_run(
        experiment_id, 1_000 - number, {"größe": "ä\n😀"}, f"run {number}", run_id, "ada"
    )
    client.log_batch(run_id, (), {"lr": "0.1", "b": ""}, {"mlflow.parentRunId": "f" * 32})
    values = np.array(VALUES)
    client.log_columns(
        run_id, "odd", values, np.arange(len(VALUES)) - BIG, np.full(len(VALUES), BIG)
    )
    count = 70_000 if number == 1 else 10  # more than a row group
    client.log_columns(
        run_id, "loss", np.random.default_rng(number).random(count), range(count), range(count)
    )
    client.log_batch(run_id, [("same step", value, 5, 7) for value in (3.0, 1.0, 2.0)])
    client.log_console_lines(
        run_id,
        [ConsoleLine(1, "stdout", 5, "\x1b[31mepoch 1"), ConsoleLine(2, "stderr", BIG, "")],
    )
    client.flush_run(run_id)
    dataset = Dataset("wine", "abc", "local", "{}", "", "profile")
    client.log_inputs(run_id, [DatasetInput(dataset, {"context": "train", "a": "b"})])
    client.log_artifacts(run_id, folder)
    return run_id


def fill(client: TrackingClient, folder: Path) -> None:
    """Log two experiments with all that an experiment has."""
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/größe.bin").write_bytes(bytes(range(256)) * 5_000)
    (folder / "empty").write_bytes(b"")
    for name in ("wine 🍷", "a/b"):
        experiment_id = client.create_experiment(
            name, tags={"owner": "ada", "mlflow.note.content": "# x"}
        )
        start = 1 if name == "a/b" else 11
        run_ids = [log_run(client, experiment_id, start + i, folder) for i in range(4)]
        client.update_run(run_ids[0], "FINISHED", end_time=2_000)
        client.update_run(run_ids[1], "KILLED", end_time=BIG)
        client.update_run(run_ids[2], "SCHEDULED")
        model_id = f"m-{start:032x}"
        client.create_logged_model(
            experiment_id, "forest", run_ids[0], {"t": "1"}, {"depth": "3"}, "Tree", model_id
        )
        client.log_model_metrics(run_ids[0], model_id, [("acc", 0.9, 5, 4)], ("wine", "abc"))
        client.log_artifact(model_id, folder / "empty")
        client.finalize_logged_model(model_id, "READY")
        client.log_input_models(run_ids[1], [model_id])
        client.log_outputs(run_ids[0], [(model_id, 9)])
        client.create_document(experiment_id, "report", "Results", "# Results\n" + "ä" * 1_000)
        view = client.create_document(experiment_id, "view", "Mine", "q=metrics.loss")
        client.update_document(view, is_default=True)


def invoke(server: ServerProcess, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--tracking-uri", server.uri])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def filled(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    with TrackingClient(server.uri) as client:
        fill(client, tmp_path_factory.mktemp("artifacts"))
    return server


NAMED = ("-n", "wine 🍷", "-n", "a/b")


@pytest.fixture
def exported(filled: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "out"
    done = invoke(filled, "export", str(folder), *NAMED)
    assert done.exit_code == 0, done.output
    return folder


def test_an_export_is_read_back_to_the_last_bit(
    exported: Path, start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    other = start_server()
    done = invoke(other, "import", "runstream", str(exported), "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["experiments"], report["runs"], report["models"]) == (2, 8, 2)
    assert (report["documents"], report["console_lines"]) == (4, 16)
    again = invoke(other, "import", "runstream", str(exported), "--json")
    assert json.loads(again.stdout)["runs_already_there"] == 4  # the others have not ended
    assert invoke(other, "export", str(tmp_path / "out"), *NAMED).exit_code == 0
    first, second = contents(exported), contents(tmp_path / "out")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    with TrackingClient(other.uri) as client:
        (part,) = client.read_metric_history(f"{1:032x}", ["odd"])
        order = [part.value[i] for i in range(len(VALUES))]
        bits = {struct.pack("<d", value) for value in order}
        assert bits == {struct.pack("<d", value) for value in VALUES}


def test_one_command_copies_from_server_to_server(
    exported: Path,
    filled: ServerProcess,
    start_server: Callable[..., ServerProcess],
    tmp_path: Path,
) -> None:
    other = start_server()
    planned = invoke(other, "import", "runstream", filled.uri, *NAMED, "--dry-run", "--json")
    done = invoke(other, "import", "runstream", filled.uri, *NAMED, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(planned.stdout) == json.loads(done.stdout)
    assert invoke(other, "export", str(tmp_path / "out"), *NAMED).exit_code == 0
    first, second = contents(exported), contents(tmp_path / "out")
    assert [name for name in first if first[name] != second.get(name)] == []


def test_tables_are_read_by_whoever_reads_parquet(exported: Path) -> None:
    points = pq.read_table(exported / "points.parquet").to_pandas()
    assert set(points.columns) == {"run_id", "key", "step", "timestamp", "value"}
    loss = points[(points.run_id == f"{1:032x}") & (points.key == "loss")]
    assert len(loss) == 70_000
    runs = pq.read_table(exported / "runs.parquet").to_pandas()
    assert list(runs[runs.experiment == "a/b"].name) == ["run 4", "run 3", "run 2", "run 1"]
    files = pq.read_table(exported / "artifacts.parquet").to_pandas()
    for row in files.itertuples():
        assert (exported / "artifacts" / row.owner / row.path).stat().st_size == row.bytes


def test_an_export_that_was_changed_or_cut_is_refused(
    exported: Path, server: ServerProcess, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    (copy / "export.json").unlink()
    cut = invoke(server, "import", "runstream", str(copy))
    assert cut.exit_code == 2
    assert "no whole export" in str(cut.output) + str(cut.exception)
    shutil.copy(exported / "export.json", copy)
    with (copy / "tags.parquet").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff\x00\xff")
    damaged = invoke(server, "import", "runstream", str(copy))
    assert damaged.exit_code == 1
    assert "tags.parquet is not as it was written" in str(damaged.output) + str(damaged.exception)


def test_an_export_replaces_nothing_and_begins_anew_where_one_was_cut(
    filled: ServerProcess, tmp_path: Path
) -> None:
    part = tmp_path / "out.part"
    part.mkdir()
    (part / "runs.parquet").write_bytes(b"half")
    assert invoke(filled, "export", str(tmp_path / "out"), "-n", "a/b").exit_code == 0
    assert not part.exists()
    before = contents(tmp_path / "out")
    assert invoke(filled, "export", str(tmp_path / "out"), "-n", "a/b").exit_code == 1
    assert contents(tmp_path / "out") == before
    assert invoke(filled, "export", str(tmp_path / "new"), "-n", "nowhere").exit_code == 3
    assert not (tmp_path / "new").exists()


def test_a_run_whose_file_was_changed_is_completed_later(
    exported: Path, start_server: Callable[..., ServerProcess]
) -> None:
    other = start_server()
    run_id = f"{1:032x}"
    file = exported / "artifacts" / run_id / "deep/er/größe.bin"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    damaged = invoke(other, "import", "runstream", str(exported))
    assert damaged.exit_code == 1
    assert "is not as it was written" in damaged.output
    with TrackingClient(other.uri) as client:
        stored = client.get_run(run_id)
        assert (stored.info.status, stored.info.end_time) == ("FINISHED", 2_000)
        assert stored.data.tags["runstream.import"] == "incomplete"
        file.write_bytes(content)
        assert invoke(other, "import", "runstream", str(exported)).exit_code == 0
        assert "runstream.import" not in client.get_run(run_id).data.tags
        assert client.get_artifact(run_id, "deep/er/größe.bin").file_size == len(content)
