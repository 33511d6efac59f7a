"""`runstream run`: how the runs of launched programs end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import TrackingClient, sync
from support.launched import Launched, children_of, is_alive, only_run, write_file
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess
from support.shell import COMMAND, Shell
from support.waiting import wait_until


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("raise SystemExit(3)", "FAILED"),
        ("time.sleep(0.5); os.kill(os.getpid(), 9)", "KILLED"),
        ("runstream.start_run(); runstream.end_run('FAILED')", "FAILED"),
    ],
)
@pytest.mark.parametrize("is_offline", [True, False])
def test_a_program_that_never_reached_a_server_has_the_end_that_it_would_have_had(
    shell: Shell,
    client: TrackingClient,
    server: ServerProcess,
    tmp_path: Path,
    is_offline: bool,
    end: str,
    status: str,
) -> None:
    """L2."""
    text = "with runstream.start_run():\n    runstream.log_metric('loss', 0.5)\n"
    if "start_run" in end:
        text = ""
    program = write_file(tmp_path, "train.py", f"import os, time, runstream\n{text}{end}\n")
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    environment = {"RUNSTREAM_SPOOL": str(tmp_path / "spool"), "RUNSTREAM_EXIT_SECONDS": "1"}
    if is_offline:
        environment["RUNSTREAM_OFFLINE"] = "1"
    name = f"away {status} {is_offline} {'start_run' in end}"
    command = ("run", "--tracking-uri", uri, "--experiment-name", name, program)
    shell.process(*command, **environment)
    assert sync(tmp_path / "spool", to=server.uri).is_complete
    assert only_run(client, name).info.status == status


@pytest.mark.parametrize(
    ("command", "exit_status", "status"),
    [
        ("exit 0", 0, "FINISHED"),
        ("exit 7", 7, "FAILED"),
        ("kill -9 $$", 137, "KILLED"),
        ("kill -TERM $$", 143, "KILLED"),
        ("exit 130", 130, "KILLED"),
        ("exit 255", 255, "FAILED"),
    ],
)
def test_the_exit_status_of_the_program_is_that_of_the_launcher_and_ends_the_run(
    shell: Shell, client: TrackingClient, command: str, exit_status: int, status: str
) -> None:
    name = f"ends by {command}"
    done = shell.process("run", "-n", name, "sh", "-c", command)
    assert (done.returncode, done.stderr) == (exit_status, "")
    run = only_run(client, name)
    assert run.info.status == status
    assert run.info.end_time is not None


@pytest.mark.parametrize(
    ("within", "after", "status"),
    [
        ("pass", "sys.exit(0)", "FINISHED"),
        ("pass", "sys.exit(3)", "FAILED"),
        ("pass", "os.kill(os.getpid(), 9)", "KILLED"),
        ("raise ValueError", "sys.exit(0)", "FAILED"),  # caught, so the program ends well
        ("os._exit(0)", "", "FINISHED"),
    ],
)
def test_the_end_that_a_program_gives_its_run_stays_if_it_exits_well(
    shell: Shell, client: TrackingClient, tmp_path: Path, within: str, after: str, status: str
) -> None:
    name = f"own end: {within}, {after}"
    script = write_file(
        tmp_path,
        "train.py",
        "import contextlib, os, sys, runstream\n"
        "with contextlib.suppress(ValueError), runstream.start_run():\n"
        f"    {within}\n{after}\n",
    )
    shell.process("run", "-n", name, script)
    assert only_run(client, name).info.status == status


def test_a_run_is_ended_though_the_server_was_away_at_the_end_of_the_program(
    tmp_path: Path,
) -> None:
    server = ServerProcess(tmp_path / "runs.db")
    launched = Launched(server.uri, "sh", "-c", "echo ready; kill -STOP $$; exit 5")
    assert launched.line() == "ready"
    server.kill()
    with TrackingClient(server.uri) as client:
        program = int(children_of(launched.process.pid)[0])
        os.kill(program, signal.SIGCONT)
        wait_until(lambda: not is_alive(program), 30)
        server.restart()
        assert launched.end()[0] == 5
        (run,) = client.search_runs()
        assert run.info.status == "FAILED"
    server.stop()


def test_a_server_that_is_away_is_waited_for_once_and_not_by_program_and_launcher(
    tmp_path: Path,
) -> None:
    script = write_file(
        tmp_path,
        "train.py",
        "import runstream, time\n"
        "with runstream.start_run():\n"
        "    runstream.log_metric('loss', 0.5)\n"
        "print(time.time())\n",
    )
    done = subprocess.run(
        [*COMMAND, "run", script],
        env=ENVIRONMENT
        | {
            "RUNSTREAM_TRACKING_URI": f"grpc://127.0.0.1:{reserve_port()}",
            "RUNSTREAM_SPOOL": str(tmp_path / "spool"),
            "RUNSTREAM_EXIT_SECONDS": "15",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    seconds = time.time() - float(done.stdout)
    assert done.returncode == 0
    assert done.stderr.count("it is kept in") == 2
    assert 15 <= seconds < 29  # twice is 30


def test_a_program_outlives_its_launcher_and_ends_its_run_itself(
    launch: Callable[..., Launched], client: TrackingClient, tmp_path: Path
) -> None:
    script = write_file(
        tmp_path,
        "train.py",
        "import runstream\n"
        "with runstream.start_run():\n"
        "    print('ready', flush=True)\n"
        "    input()\n"
        "    runstream.log_metric('loss', 0.5)\n",
    )
    launched = launch("-n", "outlived", script)
    assert launched.line() == "ready"
    launched.process.kill()
    launched.process.wait()
    assert launched.process.stdin is not None
    launched.process.stdin.write("go on\n")
    launched.process.stdin.flush()
    wait_until(lambda: only_run(client, "outlived").info.status != "RUNNING", 30)
    run = only_run(client, "outlived")
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.5})
