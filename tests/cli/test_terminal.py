"""What the command does on a terminal: a real one, of the kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream import Metric, NotFound, TrackingClient
from support.server_process import ServerProcess
from support.shell import COMMAND, Shell
from support.terminal import Terminal

Opener = Callable[..., Terminal]


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Opener]:
    """Run a command on a terminal of a number of columns."""
    opened = []

    def open_terminal(*arguments: str, columns: int = 80) -> Terminal:
        opened.append(Terminal([*COMMAND, *arguments], shell.environment, columns))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


def test_a_table_fits_the_terminal_and_shows_where_it_was_cut(
    terminal: Opener, client: TrackingClient
) -> None:
    long = "a name that is long " * 10
    experiment_id = client.create_experiment("narrow")
    run_id = client.create_run(experiment_id, run_name=long).info.run_id
    status, lines = terminal("runs", "list", "-x", experiment_id, columns=90).end()
    assert status == 0
    assert max(map(len, lines)) <= 90
    assert lines[1].startswith(f"{run_id[:12]}  a name that is long")
    assert "…" in lines[1]


def test_a_list_keeps_the_names_of_runs_in_100_columns(
    terminal: Opener, shell: Shell, client: TrackingClient
) -> None:
    experiment_id = client.create_experiment("names")
    name = "resnet50-imagenet-augmented-seed-17"
    run_id = client.create_run(experiment_id, run_name=name).info.run_id
    client.set_terminated(run_id)
    status, lines = terminal("runs", "list", "-x", experiment_id, columns=100).end()
    assert status == 0
    assert max(map(len, lines)) <= 100
    assert name in lines[1]
    # What is shown of the id is enough to name the run.
    assert shell.json("runs", "show", lines[1].split()[0])["info"]["run_id"] == run_id


def test_deleting_an_experiment_is_asked_and_of_the_default_one_it_is_said_what_follows(
    terminal: Opener, client: TrackingClient
) -> None:
    asked = terminal("experiments", "delete", "-x", "0")
    asked.wait_for("[y/N]")
    asked.type("n\n")
    status, lines = asked.end()
    assert status == 1
    assert "Programs that name none log to it" in " ".join(lines)
    assert client.get_experiment("0").lifecycle_stage == "active"
    experiment_id = client.create_experiment("short-lived")
    client.create_run(experiment_id)
    asked = terminal("experiments", "delete", "-x", experiment_id)
    asked.wait_for("'short-lived' with 1 runs? [y/N]")
    asked.type("y\n")
    assert asked.end()[0] == 0
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    client.restore_experiment(experiment_id)
    assert terminal("experiments", "delete", "-x", experiment_id, "--yes").end()[0] == 0


def test_nothing_is_cut_where_there_is_no_terminal(shell: Shell, client: TrackingClient) -> None:
    long = "a name that is long too " * 10
    experiment_id = client.create_experiment("wide")
    client.create_run(experiment_id, run_name=long)
    assert long.rstrip() in shell.process("runs", "list", "-x", experiment_id).stdout


def test_a_long_list_is_shortened_on_a_terminal_and_that_is_said(
    terminal: Opener, shell: Shell, client: TrackingClient
) -> None:
    experiment_id = client.create_experiment("many runs")
    for _ in range(101):
        client.create_run(experiment_id)
    status, lines = terminal("runs", "list", "-x", experiment_id).end()
    assert (status, len(lines)) == (0, 102)
    assert lines[-1] == "100 of 101 runs; see --limit"
    status, lines = terminal("runs", "list", "-x", experiment_id, "--limit", "0").end()
    assert (status, len(lines)) == (0, 102)
    assert lines[-1].split()[2] == experiment_id
    assert len(shell.rows("runs", "list", "-x", experiment_id)) == 102


def test_a_metric_is_a_plot_that_fits_the_terminal(
    terminal: Opener, client: TrackingClient
) -> None:
    run_id = client.create_run().info.run_id
    points = [Metric("loss", math.exp(-i / 999), 0, i) for i in range(5_000)]
    client.log_batch(run_id, [*points, Metric("other", math.nan, 0, 0)])
    client.flush()
    status, lines = terminal("metrics", "show", run_id, columns=60).end()
    assert status == 0
    assert max(map(len, lines)) <= 60
    at = lines.index("other: nan at step 0")
    assert lines[0].startswith("loss: 0.00671102 at step 4999")
    assert all("┤" in line for line in lines[1:9])
    assert lines[9].split() == ["0", "4999"]
    assert "⣀" in lines[8]
    assert at == 10


def test_a_table_of_points_is_there_for_the_asking(
    terminal: Opener, client: TrackingClient
) -> None:
    run_id = client.create_run().info.run_id
    client.log(run_id, [Metric("loss", 0.5, 0, 3)])
    status, lines = terminal("metrics", "show", run_id, "--table").end()
    assert (status, len(lines)) == (0, 2)
    assert lines[1].split()[:2] == ["loss", "3"]


def test_gc_asks_before_it_removes(terminal: Opener, client: TrackingClient) -> None:
    run_id = client.create_run().info.run_id
    client.delete_run(run_id)
    asked = terminal("gc")
    asked.wait_for("for good? [y/N]")
    asked.type("n\n")
    assert asked.end()[0] == 1
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    asked = terminal("gc")
    asked.wait_for("for good? [y/N]")
    asked.type("y\n")
    status, lines = asked.end()
    assert (status, lines[-1].endswith("removed")) == (0, True)
    assert any(line.startswith("Removing") and "100%" in line for line in lines)
    with pytest.raises(NotFound):
        client.get_run(run_id)


def test_gc_does_not_ask_when_it_is_told_yes(terminal: Opener, client: TrackingClient) -> None:
    run_id = client.create_run().info.run_id
    client.delete_run(run_id)
    assert terminal("gc", "--yes").end()[0] == 0
    with pytest.raises(NotFound):
        client.get_run(run_id)


def test_a_backup_shows_its_progress(
    terminal: Opener, server: ServerProcess, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    backup = terminal("db", "backup", str(copy), f"--database=sqlite:///{server.database}")
    status, lines = backup.end()
    assert status == 0
    assert any(line.startswith("Copying runs.db") and "100%" in line for line in lines)


@pytest.mark.parametrize("with_tqdm", [True, False])
def test_a_large_file_shows_its_progress(
    terminal: Opener, shell: Shell, client: TrackingClient, tmp_path: Path, with_tqdm: bool
) -> None:
    if not with_tqdm:
        (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['tqdm'] = None\n")
        shell.environment["PYTHONPATH"] = str(tmp_path)
    run_id = client.create_run().info.run_id
    for name, size in (("large", 17 * 2**20), ("small", 2**20)):
        (tmp_path / name).write_bytes(bytes(size))
        status, lines = terminal("artifacts", "upload", run_id, str(tmp_path / name)).end()
        assert status == 0
        shown = [line for line in lines if line.startswith("upload") and "100%" in line]
        assert bool(shown) == (name == "large")


def test_ctrl_c_ends_a_watch_with_status_130(terminal: Opener, client: TrackingClient) -> None:
    watch = terminal("watch", client.create_run().info.run_id)
    watch.wait_for("is RUNNING")
    watch.type("\x03")
    status, lines = watch.end()
    assert status == 130
    assert "Traceback" not in "".join(lines)
