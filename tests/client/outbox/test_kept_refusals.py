"""What a server refuses of a program that runs is kept in its folder of the spool."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.spool.folder import list_folders
from runstream.spool.refused_log import read_refusals
from runstream.syncing.sync import sync
from support.server_process import ENVIRONMENT, ServerProcess


def start(server: ServerProcess, spool: Path, code: str, **more: str) -> subprocess.Popen[str]:
    """Start a program; it goes on when it reads a line."""
    variables = {"RUNSTREAM_TRACKING_URI": server.uri, "RUNSTREAM_SPOOL": str(spool)}
    return subprocess.Popen(
        [sys.executable, "-c", "import runstream, sys\n" + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | {"RUNSTREAM_SOURCE": "none"} | variables | more,
    )


def line(program: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints."""
    assert program.stdout is not None
    return program.stdout.readline().strip()


OPEN_RUN = """
run = runstream.start_run(log_system_metrics=False)
runstream.flush()
print(run.run_id, flush=True)
sys.stdin.readline()
"""


def test_what_a_deleted_run_is_refused_is_kept_and_delivered_once_the_run_is_back(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    content = tmp_path / "notes.txt"
    content.write_text("kept")
    spool = tmp_path / "spool"
    code = OPEN_RUN + (
        f"runstream.log_artifact({str(content)!r}, synchronous=False)\n"
        "for step in range(100):\n"
        "    try: runstream.log_metric('loss', 1.0, step=step)\n"
        "    except runstream.FailedPrecondition: runstream.log_metric('loss', 1.0, step=step)\n"
    )
    program = start(server, spool, code)
    run_id = line(program)
    client.delete_run(run_id)
    _, errors = program.communicate("\n", timeout=60)
    assert program.returncode == 0, errors
    (folder,) = list_folders(spool)
    refusals = list(read_refusals(folder.refused))
    assert {refusal.error.reason for refusal in refusals} == {"RUN_DELETED"}
    assert {refusal.WhichOneof("refused") for refusal in refusals} == {"batch", "task"}
    assert f"refused {len(refusals)} batches and uploads, which are kept in {folder}: " in errors
    assert f"{len(refusals)} of run {run_id}. `runstream spool show {folder.path.name}`" in errors

    assert sync(folder.path).refused == len(refusals)  # it is still deleted, so all is kept again
    assert len(list(read_refusals(folder.refused))) == len(refusals)
    assert sync(spool).batches == 0  # nobody has named the folder
    client.restore_run(run_id)
    assert sync(folder.path).is_complete
    assert len(client.get_metric_history(run_id, "loss")) == 100
    assert client.load_text(run_id, "notes.txt") == "kept"
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    "code",
    [
        "runstream.start_run(experiment_id='999')",
        "runstream.start_run(run_id='f' * 32)",
        OPEN_RUN.replace("sys.stdin", "# ") + "runstream.TrackingClient().log_params(run.run_id,"
        " {'lr': 1})\nrunstream.flush()\n"
        "runstream.TrackingClient(token='').log_params(run.run_id, {'lr': 2})\nrunstream.flush()",
    ],
    ids=["experiment", "run", "param"],
)
def test_a_mistake_that_a_call_raised_leaves_no_folder(
    server: ServerProcess, client: TrackingClient, tmp_path: Path, code: str
) -> None:
    _ = client
    program = start(server, tmp_path, code)
    _, errors = program.communicate("\n", timeout=60)
    assert "which are kept in" not in errors
    assert list(tmp_path.iterdir()) == []


def test_refusals_that_the_limit_has_no_room_for_are_raised_and_not_kept(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    code = OPEN_RUN + (
        "for number in range(40):\n"
        "    try: runstream.set_tag(f't{number}', 'x' * 5000); runstream.flush()\n"
        "    except runstream.FailedPrecondition: pass\n"
    )
    program = start(server, tmp_path, code, RUNSTREAM_SPOOL_LIMIT="100kB")
    client.delete_run(line(program))
    _, errors = program.communicate("\n", timeout=60)
    assert program.returncode == 0, errors
    (folder,) = list_folders(tmp_path)
    assert 0 < folder.refused.stat().st_size < 100_000
    assert "what the server refuses cannot be kept in the spool" in errors
