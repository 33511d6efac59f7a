"""Programs without a server: what they log stays in a folder, which `runstream sync` delivers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runstream
from runstream import TrackingClient
from runstream.spool.folder import list_folders
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

PROGRAM = """
import runstream
runstream.set_experiment("without a network")
with runstream.start_run(run_name="outer", log_system_metrics=False) as run:
    runstream.log_params({"lr": 0.1})
    for step in range(1000):
        runstream.log_metric("loss", 1 / (step + 1), step=step)
    with runstream.start_run(nested=True):
        runstream.set_tag("inner", True)
runstream.flush()
with runstream.start_run(run_id=run.run_id):
    runstream.log_metric("late", 1.0)
try:
    runstream.search_runs()
except runstream.Unavailable as error:
    print(error.reason, error)
runstream.start_run(run_name="left open")
"""


def run_program(command: list[str], variables: dict[str, str]) -> str:
    """Run a program that has no server, and return what it prints."""
    environment = {name: text for name, text in ENVIRONMENT.items() if "TRACKING" not in name}
    done = subprocess.run(
        command,
        env=environment | {"RUNSTREAM_SOURCE": "none"} | variables,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("by", ["uri", "variable"])
def test_a_program_without_a_server_does_everything_but_read_and_is_delivered_later(
    server: ServerProcess, client: TrackingClient, tmp_path: Path, by: str
) -> None:
    spool = tmp_path / "spool"
    variables = (
        {"RUNSTREAM_TRACKING_URI": f"offline:{spool}"}
        if by == "uri"
        else {"RUNSTREAM_OFFLINE": "1", "RUNSTREAM_SPOOL": str(spool)}
    )
    said = run_program([sys.executable, "-c", PROGRAM], variables)
    assert said.startswith("OFFLINE ")
    assert f"`runstream sync {spool} --to URI`" in said
    runstream.sync(spool, to=server.uri)
    experiment = client.get_experiment_by_name("without a network")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert len(runs) == 3
    outer = runs["outer"]
    assert outer.data.params == {"lr": "0.1"}
    assert outer.data.metrics["late"] == 1.0
    assert len(client.get_metric_history(outer.info.run_id, "loss")) == 1000
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_folder_names_the_server_that_the_program_names_itself_while_it_is_offline(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    code = f"import runstream; runstream.TrackingClient('{server.uri}').log_param('{{}}', 'a', '1')"
    run_id = client.create_run().info.run_id
    run_program(
        [sys.executable, "-c", code.format(run_id)],
        {"RUNSTREAM_OFFLINE": "1", "RUNSTREAM_SPOOL": str(spool)},
    )
    (result,) = runstream.sync(spool).folders
    assert result.tracking_uri == server.uri
    assert client.get_run(run_id).data.params == {"a": "1"}


ENDS_WHEN_TOLD = """
import runstream
with runstream.start_run():
    runstream.log_metric("loss", 1.0)
runstream.flush()
input("flushed\\n")
"""


@pytest.mark.parametrize("state", ["waits", "delivered", "unreadable"])
def test_the_end_of_a_program_announces_what_waits_unless_a_sync_has_delivered_it(
    server: ServerProcess, tmp_path: Path, state: str
) -> None:
    spool = tmp_path / "spool"
    program = subprocess.Popen(
        [sys.executable, "-c", ENDS_WHEN_TOLD],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": f"offline:{spool}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "flushed\n"
    if state == "delivered":
        assert runstream.sync(spool, to=server.uri).points == 1
    if state == "unreadable":
        (folder,) = list_folders(spool)
        (folder.batches / "cursor").mkdir()
    _, said = program.communicate("\n", timeout=100)
    assert ("what was logged is kept in" in said) != (state == "delivered")
    assert "Traceback" not in said


def test_a_program_that_is_launched_without_a_server_logs_to_the_run_of_its_launch(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    code = "import runstream\nwith runstream.start_run(): runstream.log_metric('loss', 1.0)\n"
    (tmp_path / "train.py").write_text(code + "print('trained')\n")
    spool = tmp_path / "spool"
    run_program(
        [sys.executable, "-m", "runstream", "run", "-P", "lr=1", str(tmp_path / "train.py")],
        {"RUNSTREAM_TRACKING_URI": f"offline:{spool}"},
    )
    runstream.sync(spool, to=server.uri)
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"loss": 1.0}
    assert run.data.params == {"lr": "1"}
    said, *rest = [line.text for line in client.read_console(run.info.run_id)]
    assert said == "trained"
    assert all(line.startswith("runstream: what was logged is kept in") for line in rest)


def test_a_folder_that_cannot_be_written_fails_the_first_call_at_once() -> None:
    code = "import runstream\nrunstream.start_run()\nprint('started')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": "offline:/proc/nowhere"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "FailedPrecondition: nothing can be kept in /proc/nowhere" in done.stderr
    assert "delivered" not in done.stderr, "the end has nothing to wait for"


def test_a_program_that_is_launched_while_the_server_is_away_keeps_its_source(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    program = tmp_path / "train.py"
    program.write_text("import runstream\nwith runstream.start_run():\n    pass\n")
    command = [sys.executable, "-m", "runstream", "run", str(program)]
    away = f"grpc://127.0.0.1:{reserve_port()}"
    variables = {"RUNSTREAM_TRACKING_URI": away, "RUNSTREAM_SOURCE": "program"}
    run_program(command, variables | {"RUNSTREAM_SPOOL": str(spool)})
    runstream.sync(spool, to=server.uri)
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["source"]


ADD_ROWS = """
import os, runstream
with runstream.start_run(run_id=os.environ["RUN"], log_system_metrics=False) as run:
    try:
        runstream.log_table({"a": [2]}, "t.json")
    except runstream.Unavailable as error:
        print(error.reason, error)
"""


def test_a_table_that_a_server_may_have_is_not_begun_anew_without_a_server(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    pytest.importorskip("pandas")
    run_id = client.create_run().info.run_id
    client.log_table(run_id, {"a": [1]}, "t.json")
    spool = tmp_path / "spool"
    said = run_program(
        [sys.executable, "-c", ADD_ROWS],
        {"RUNSTREAM_TRACKING_URI": f"offline:{spool}", "RUN": run_id},
    )
    assert said.startswith(f"OFFLINE no rows can be added to t.json of run {run_id}")
    runstream.sync(spool, to=server.uri)
    assert list(client.load_table("", "t.json", [run_id])["a"]) == [1]


def test_that_the_server_is_away_is_warned_of_once_by_a_program_and_its_launcher(
    tmp_path: Path,
) -> None:
    program = tmp_path / "train.py"
    program.write_text("import runstream\nwith runstream.start_run():\n    pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "run", str(program)],
        env=ENVIRONMENT
        | {
            "RUNSTREAM_TRACKING_URI": f"grpc://127.0.0.1:{reserve_port()}",
            "RUNSTREAM_SPOOL": str(tmp_path / "spool"),
            "RUNSTREAM_EXIT_SECONDS": "1",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stderr.count(" does not answer (") == 1, done.stderr
