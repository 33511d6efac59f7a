"""A run that a program leaves open gets its status from the way the program ends (R5)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.process.exit_status import UNDELIVERED
from runstream.spool.file_locks import NotLocked
from runstream.spool.folder import list_folders
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

PREFACE = """
import multiprocessing, os, signal, sys, threading, time
import runstream
def say(run):
    print(run.info.run_id, flush=True)
    runstream.log_metric("loss", 1.0)
"""

OPEN = PREFACE + "say(runstream.start_run())\n"

FLUSHED = "runstream.flush()\nprint('flushed', flush=True)\nsys.stdin.readline()\n"

# How a program ends: its last lines, its exit status, and that of its run.
ENDS = {
    "end": ("", 0, "FINISHED"),
    "exit none": ("sys.exit()", 0, "FINISHED"),
    "exit 0": ("sys.exit(0)", 0, "FINISHED"),
    "exit 3": ("sys.exit(3)", 3, "FAILED"),
    "exit text": ("sys.exit('no data')", 1, "FAILED"),
    "raise 0": ("raise SystemExit(0)", 0, "FINISHED"),
    "raise 3": ("def main(): raise SystemExit(3)\nmain()", 3, "FAILED"),
    "builtin": ("exit(2)", 2, "FAILED"),
    "error": ("1 / 0", 1, "FAILED"),
    "interrupt": ("raise KeyboardInterrupt", -signal.SIGINT, "KILLED"),
    "interrupt, and an import of a dataclass": (
        "import atexit; atexit.register(lambda: exec('1')); raise KeyboardInterrupt",
        -signal.SIGINT,
        "KILLED",
    ),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -signal.SIGINT, "KILLED"),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", -signal.SIGTERM, "KILLED"),
    "SIGHUP": ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(9)", -signal.SIGHUP, "KILLED"),
    "caught": ("try: sys.exit(3)\nexcept SystemExit as e: print(e.code)", 0, "FINISHED"),
    "caught and error": ("try: sys.exit(0)\nexcept SystemExit: pass\n1 / 0", 1, "FAILED"),
    "own handler": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)",
        5,
        "FAILED",
    ),
    "thread": (
        "t = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()",
        0,
        "FINISHED",
    ),
}

WITHIN = {
    name: ENDS[name]
    for name in ("end", "exit 0", "exit 3", "raise 3", "error", "SIGINT", "SIGTERM")
}


CHILDREN = [
    ("sys.exit(0)", 0, "FINISHED"),
    ("sys.exit(3)", 3, "FAILED"),
    ("raise KeyboardInterrupt", 1, "KILLED"),
]


def start(server: ServerProcess, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
    )


def ended(server: ServerProcess, code: str) -> tuple[int, str, str]:
    """Run a program; return its exit status, its run's id, and what it wrote to stderr."""
    program = start(server, code)
    out, errors = program.communicate(timeout=100)
    return program.returncode, out.split()[0], errors


def check(server: ServerProcess, programs: list[tuple[str, int, str]]) -> None:
    """Run programs, some at a time, and check exit status and status of the run of each."""
    with ThreadPoolExecutor(4) as pool, TrackingClient(server.uri) as client:
        results = pool.map(lambda program: ended(server, program[0]), programs)
        for (code, status, run_status), result in zip(programs, results, strict=True):
            returned, run_id, errors = result
            assert returned == status, f"{code}\n{errors}"
            assert "runstream/process" not in errors, f"{code}\n{errors}"  # no traceback of ours
            run = client.get_run(run_id)
            assert (run.info.status, run.data.metrics) == (run_status, {"loss": 1.0}), code
            assert run.info.end_time is not None


def test_a_run_left_open_ends_as_its_program(server: ServerProcess) -> None:
    """R5."""
    check(server, [(OPEN + code, status, run) for code, status, run in ENDS.values()])


@pytest.mark.parametrize("returned", [0, 3, None])
def test_a_run_that_main_leaves_open_ends_as_main_returns(
    server: ServerProcess, returned: int | None
) -> None:
    """R5."""
    main = f"def main():\n    say(runstream.start_run())\n    return {returned}\nsys.exit(main())"
    check(server, [(PREFACE + main, returned or 0, "FAILED" if returned else "FINISHED")])


def test_a_block_that_is_left_ends_its_run_in_the_same_way(server: ServerProcess) -> None:
    """R5."""
    programs = []
    for code, status, run in map(ENDS.__getitem__, WITHIN):
        lines = "".join(f"    {line}\n" for line in f"say(run)\n{code}".splitlines())
        block = f"with runstream.start_run() as run:\n{lines}"
        programs.append((PREFACE + block, status, run))
    check(server, programs)


def test_so_does_a_run_left_open_in_a_forked_child(server: ServerProcess) -> None:
    """R5."""
    programs = []
    for code, status, run in CHILDREN:
        parent = (
            "def child():\n    say(runstream.start_run())\n    " + code + "\n"
            "process = multiprocessing.get_context('fork').Process(target=child)\n"
            "process.start(); process.join()\n"
            f"sys.exit(0 if process.exitcode == {status} else 9)\n"
        )
        programs.append((PREFACE + parent, 0, run))
    check(server, programs)


@pytest.mark.parametrize("limit", ["0", "1GiB"])
@pytest.mark.parametrize("code", ["", "sys.exit(3)"])
def test_a_program_that_could_not_deliver_says_so_and_exits_with_a_status_of_its_own(
    server: ServerProcess, code: str, limit: str
) -> None:
    """X8: the status is the program's own if what it logged is on disk."""
    begin = OPEN.replace(
        "import runstream\n",
        f"import os; os.environ['RUNSTREAM_SPOOL_LIMIT'] = '{limit}'\n"
        "import runstream, runstream.process.shutdown\n",
        1,
    )
    begin += "runstream.process.shutdown.ANSWER_SECONDS = 1\n" + FLUSHED
    program = start(server, begin + "runstream.log_metric('m', 1.0)\n" + code)
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    assert program.stdout.readline() == "flushed\n"
    server.kill()
    _, errors = program.communicate("\n", timeout=60)
    is_lost = limit == "0"
    assert program.returncode == (3 if code else UNDELIVERED if is_lost else 0), errors
    assert f"1 point and 1 change of run {run_id}" in errors
    assert ("` sends it, and so does the next program" in errors) is not is_lost
    assert ("lost, not delivered" in errors) is is_lost
    assert "Exception ignored" not in errors


@pytest.mark.parametrize(("limit", "status"), [("0", UNDELIVERED), ("1GiB", 0)])
def test_a_forked_child_exits_with_that_status_too_if_what_it_logged_is_lost(
    limit: str, status: int
) -> None:
    code = PREFACE.replace(
        "import runstream\n", "import runstream, runstream.process.shutdown\n", 1
    ) + (
        "def child():\n"
        "    runstream.process.shutdown.ANSWER_SECONDS = 0.5\n"
        "    runstream.TrackingClient(sys.argv[1]).log_metric('a' * 32, 'm', 1.0)\n"
        "process = multiprocessing.get_context('fork').Process(target=child)\n"
        "process.start(); process.join(); print(process.exitcode)\n"
    )
    program = subprocess.run(
        [sys.executable, "-c", code, f"grpc://127.0.0.1:{reserve_port()}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT | {"RUNSTREAM_SPOOL_LIMIT": limit},
        check=True,
    )
    assert program.stdout.strip() == str(status)
    assert ("` sends it, and so does the next program" in program.stderr) == (status == 0), (
        program.stderr
    )


@pytest.mark.parametrize("seconds", ["0", "1"])
@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)"])
def test_a_program_whose_server_is_away_ends_soon_and_says_where_the_rest_is(
    tmp_path: Path, end: str, seconds: str
) -> None:
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    code = f"{PREFACE}client = runstream.TrackingClient({uri!r})\n" + (
        "for run in range(30):\n    client.log_metric(f'{run:032x}', 'm', 1.0)\n"
        "print(time.monotonic(), flush=True)\n"
    )
    program = subprocess.run(
        [sys.executable, "-c", code + end],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT | {"RUNSTREAM_SPOOL": str(tmp_path), "RUNSTREAM_EXIT_SECONDS": seconds},
        check=False,
    )
    assert time.monotonic() - float(program.stdout) < 9  # less than the default alone
    assert program.returncode == (-signal.SIGTERM if end else 0)
    (folder,) = list_folders(tmp_path)
    report = f"runstream: not delivered to {uri}: "
    lines = program.stderr[program.stderr.index(report) :].splitlines()
    address = uri.removeprefix("grpc://")
    why = "no answer came within 0 s" if seconds == "0" else f"connection refused ({address})"
    assert lines[0] == f"{report}{why}; it is kept in {folder}:"
    assert lines[1:11] == [f"  1 point of run {run:032x}" for run in range(10)]
    assert lines[11] == "  and 20 more"
    assert lines[12].startswith(
        f"`runstream sync {folder.path.parent}` sends it, and so does the next"
    )
    assert f"`runstream sync {folder.path} --to URI`" in lines[12]
    assert not isinstance(folder.lock_writer(), NotLocked)


def test_a_program_that_delivered_all_leaves_nothing_on_disk(
    server: ServerProcess, tmp_path: Path
) -> None:
    for end in ("", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)"):
        subprocess.run(
            [sys.executable, "-c", OPEN + end],
            stdout=subprocess.DEVNULL,
            timeout=60,
            env=ENVIRONMENT
            | {"RUNSTREAM_TRACKING_URI": server.uri, "RUNSTREAM_SPOOL": str(tmp_path)},
            check=False,
        )
        assert list(tmp_path.iterdir()) == []


def test_interrupts_at_the_end_of_a_program_end_it_soon_and_what_it_says_is_true(
    server: ServerProcess,
) -> None:
    """The server is stopped for a while, so that the program cannot deliver what it logged."""
    code = OPEN + (
        "import atexit; atexit.register(lambda: print('ending', flush=True))\n"
        f"{FLUSHED}runstream.log_metric('m', 1.0)\nraise KeyboardInterrupt\n"
    )
    program = start(server, code)
    assert program.stdin is not None
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    assert program.stdout.readline() == "flushed\n"
    server.process.send_signal(signal.SIGSTOP)
    try:
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "ending\n"
        for _ in range(2):
            time.sleep(1)
            program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=30)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert program.returncode == -signal.SIGINT, errors
    assert f"1 point and 1 change of run {run_id}" in errors
    assert "does not answer" not in errors.partition("KeyboardInterrupt")[2]


def test_the_end_of_a_program_does_not_wait_again_for_what_its_block_waited_for_in_vain(
    server: ServerProcess,
) -> None:
    begin = PREFACE.replace("import runstream\n", "import runstream, runstream.outbox.waits\n", 1)
    block = (
        "runstream.outbox.waits.ANSWER_SECONDS = 2\n"
        "runstream.outbox.waits.REPEATED_SECONDS = 1\n"
        "with runstream.start_run() as run:\n"
        "    say(run)\n"
        "    runstream.flush(); print('flushed', flush=True); sys.stdin.readline()\n"
        "    runstream.log_metric('m', 1.0); runstream.flush()\n"
    )
    program = start(server, begin + block)
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    assert program.stdout.readline() == "flushed\n"
    server.kill()
    # The end of the program alone would wait for `shutdown.ANSWER_SECONDS`.
    _, errors = program.communicate("\n", timeout=40)
    assert program.returncode == 1, errors
    assert "no answer within 2 s for 1 point" in errors
    assert f"it is kept in {ENVIRONMENT['RUNSTREAM_SPOOL']}" in errors
    assert f"1 point and 1 change of run {run_id}" in errors
