"""Programs that capture their own output: row C3 of docs/behaviour.md."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import ConsoleLine, TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess
from support.terminal import Terminal
from support.waiting import wait_until

HEAD = """
import contextlib, ctypes, io, os, subprocess, sys, runstream
from pathlib import Path
def helper():
    for path in Path("/proc/self/task").glob("*/children"):
        for child in path.read_text().split():
            if b"console.helper" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("capture") / "runs.db")
    yield server
    server.stop()


def run(server: ServerProcess, program: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + program],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        timeout=90,
    )


def console(client: TrackingClient) -> list[ConsoleLine]:
    """The console of the run that was started last."""
    (run_id,) = [run.info.run_id for run in client.search_runs(max_results=1)]
    return list(client.read_console(run_id))


def texts(client: TrackingClient, stream: str) -> list[str]:
    return [line.text for line in console(client) if line.stream == stream]


def test_python_and_its_children_are_captured_until_the_run_ends(
    server: ServerProcess, client: TrackingClient
) -> None:
    done = run(
        server,
        "print('before', flush=True)\n"
        "with runstream.start_run(capture_output=True):\n"
        "    print('from Python', flush=True)\n"
        "    print('an error', file=sys.stderr)\n"
        "    subprocess.run(['sh', '-c', 'echo from a child; echo its error >&2'])\n"
        "    if not (child := os.fork()):\n"
        "        os.write(1, b'from a fork\\n')\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    for step in range(500): print(f'\\r{step}', end='', flush=True)\n"
        "    print('\\rdone')\n"
        "print('after')\n",
    )
    bar = b"".join(b"\r%d" % step for step in range(500)) + b"\rdone\n"
    assert done.stderr == b"an error\nits error\n"
    assert done.stdout.replace(bar, b"") == (
        b"before\nfrom Python\nfrom a child\nfrom a fork\nafter\n"
    )
    assert done.returncode == 0
    assert texts(client, "stdout") == ["from Python", "from a child", "from a fork", "done"]
    assert texts(client, "stderr") == ["an error", "its error"]


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "ctypes.string_at(0)"])
def test_what_a_dying_program_wrote_last_is_kept(
    server: ServerProcess, client: TrackingClient, end: str
) -> None:
    done = run(
        server,
        "runstream.start_run(capture_output=True)\n"
        "for number in range(20_000): os.write(1, b'line %d\\n' % number)\n" + end,
    )
    assert done.stdout.endswith(b"line 19999\n")
    wait_until(lambda: texts(client, "stdout")[-1:] == ["line 19999"], 30)
    assert len(texts(client, "stdout")) == 20_000


def test_a_call_in_c_that_holds_the_lock_of_python_may_write_without_end(
    server: ServerProcess, client: TrackingClient
) -> None:
    done = run(
        server,
        "data = b'0123456789\\n' * 50_000\n"
        "with runstream.start_run(capture_output=True):\n"
        "    assert ctypes.PyDLL(None).write(1, data, len(data)) == len(data)\n",
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"0123456789\n" * 50_000
    lines = texts(client, "stdout")
    assert lines[-1] == "0123456789"
    assert len(lines) > 10_000


def test_the_program_goes_on_if_its_helper_is_killed(
    server: ServerProcess, client: TrackingClient
) -> None:
    done = run(
        server,
        "with runstream.start_run(capture_output=True) as run:\n"
        "    print('one', flush=True)\n"
        "    os.kill(helper(), 9)\n"
        "    for number in range(20_000): print('x', number, flush=True)\n"
        "    subprocess.run(['echo', 'child'])\n"
        "print('after')\n",
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[-3:] == [b"x 19999", b"child", b"after"]
    assert b"is not recorded any more" in done.stderr
    assert next(client.search_runs(max_results=1)).info.status == "FINISHED"


def test_what_stood_in_the_channel_of_a_killed_helper_comes_first(server: ServerProcess) -> None:
    done = run(
        server,
        "with runstream.start_run(capture_output=True) as run:\n"
        "    killed = helper()\n"
        "    os.kill(killed, 19)\n"
        "    for number in range(5_000): os.write(1, b'x %d\\n' % number)\n"
        "    os.kill(killed, 9)\n"
        "    while Path(f'/proc/{killed}').exists(): os.write(2, b'.')\n"
        "    os.write(1, b'last\\n')\n"
        "print('after')\n",
    )
    lines = done.stdout.splitlines()
    assert lines[:5_000] == [b"x %d" % number for number in range(5_000)]
    assert lines[-2:] == [b"last", b"after"]


def test_what_a_helper_left_that_dies_with_the_run_is_passed_on(server: ServerProcess) -> None:
    done = run(
        server,
        "runstream.start_run(capture_output=True)\n"
        "killed = helper()\n"
        "os.kill(killed, 19)\n"
        "for number in range(5_000): os.write(1, b'x %d\\n' % number)\n"
        "import threading\n"
        "threading.Timer(1, os.kill, (killed, 9)).start()\n"
        "runstream.end_run()\n"
        "print('after')\n",
    )
    lines = done.stdout.splitlines()
    assert lines == [*(b"x %d" % number for number in range(5_000)), b"after"]


def test_streams_of_python_that_are_no_descriptors_are_captured_as_in_a_notebook(
    server: ServerProcess, client: TrackingClient
) -> None:
    done = run(
        server,
        "shown = io.StringIO()\n"
        "with contextlib.redirect_stdout(shown):\n"
        "    with runstream.start_run(capture_output=True):\n"
        "        print('in a cell', sys.stdout.getvalue())\n"
        "        sys.stdout.writelines(['two ', 'lines\\n'])\n"
        "        subprocess.run(['echo', 'child'])\n"
        "    print('after')\n"
        "print(repr(shown.getvalue()))\n",
    )
    assert done.stdout == b"child\n'in a cell \\ntwo lines\\nafter\\n'\n"
    assert sorted(texts(client, "stdout")) == ["child", "in a cell ", "two lines"]


def test_runs_in_each_other_have_what_is_written_while_they_go_on(
    server: ServerProcess, client: TrackingClient
) -> None:
    done = run(
        server,
        "with runstream.start_run(capture_output=True):\n"
        "    print('outer', flush=True)\n"
        "    with runstream.start_run(capture_output=True, nested=True):\n"
        "        print('inner', flush=True)\n"
        "    print('outer again', flush=True)\n",
    )
    assert done.stdout == b"outer\ninner\nouter again\n"
    inner, outer = [run.info.run_id for run in client.search_runs(max_results=2)][:2]
    assert [line.text for line in client.read_console(inner)] == ["inner"]
    assert [line.text for line in client.read_console(outer)] == ["outer", "inner", "outer again"]


def test_a_terminal_stays_one_and_ctrl_c_is_for_the_program(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(
        HEAD + "import time\n"
        "with runstream.start_run(capture_output=True):\n"
        "    print(os.isatty(1), os.get_terminal_size(1).columns, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {"RUNSTREAM_TRACKING_URI": server.uri}
    terminal = Terminal([sys.executable, str(tmp_path / "train.py")], environment, columns=97)
    try:
        terminal.wait_for("True 97")
        terminal.type("\x03")
        status, lines = terminal.end()
    finally:
        terminal.close()
    assert status == -signal.SIGINT
    assert lines[-1] == "KeyboardInterrupt"
    assert texts(client, "stdout") == ["True 97"]
    assert next(client.search_runs(max_results=1)).info.status == "KILLED"


def test_a_program_goes_on_though_nobody_reads_its_output_any_more(
    server: ServerProcess, client: TrackingClient, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(
        HEAD + "with runstream.start_run(capture_output=True):\n"
        "    for number in range(50_000): print('line', number)\n"
        "Path('done').touch()\n"
    )
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} train.py | head -1"],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (b"line 0\n", b"")
    wait_until((tmp_path / "done").exists, 30)
    assert texts(client, "stdout")[-1] == "line 49999"
