"""What launched programs write, kept with their runs and printed by `runstream runs console`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from runstream import TrackingClient
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDOUT, ConsoleLine
from support.server_process import ENVIRONMENT
from support.shell import COMMAND, Shell
from support.terminal import Terminal


def only_run_id(client: TrackingClient, experiment: str) -> str:
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    return run.info.run_id


def test_what_a_launched_program_writes_is_passed_on_and_kept(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    program = (
        "import os, subprocess, sys\n"
        "print('from Python', flush=True)\n"
        "print('an error', file=sys.stderr)\n"
        "subprocess.run(['echo', 'from a child'])\n"
        "os.write(1, b'bar 1%\\rbar 100%\\n\\xff no end')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "train.py").write_text(program)
    done = subprocess.run(
        [*COMMAND, "run", "-n", "kept", str(tmp_path / "train.py")],
        env=ENVIRONMENT | shell.environment,
        capture_output=True,
    )
    assert done.returncode == 137
    assert done.stdout == b"from Python\nfrom a child\nbar 1%\rbar 100%\n\xff no end"
    assert done.stderr == b"an error\n"
    run_id = only_run_id(client, "kept")
    printed = shell.run("runs", "console", run_id)
    assert printed.stdout == "from Python\nfrom a child\nbar 100%\n\ufffd no end\n"
    assert printed.stderr == "an error\n"
    assert shell.run("runs", "console", run_id, "--last", "1").stdout == "\ufffd no end\n"
    rows = [
        json.loads(row) for row in shell.output("runs", "console", run_id, "--json").splitlines()
    ]
    assert sorted((row["number"], row["stream"]) for row in rows)[0] == (1, "stdout")
    assert {"an error"} == {row["text"] for row in rows if row["stream"] == "stderr"}


def test_nothing_is_kept_with_no_capture(shell: Shell, client: TrackingClient) -> None:
    done = shell.process("run", "-n", "not kept", "--no-capture", "echo", "hello")
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert list(client.read_console(only_run_id(client, "not kept"))) == []


def test_a_terminal_stays_one_with_its_size(shell: Shell, client: TrackingClient) -> None:
    program = "import os, sys; print(os.isatty(1), os.isatty(2), os.get_terminal_size(1).columns)"
    command = [*COMMAND, "run", "-n", "tty", sys.executable, "-c", program]
    terminal = Terminal(command, shell.environment, columns=97)
    try:
        assert terminal.end() == (0, ["True True 97"])
    finally:
        terminal.close()
    (line,) = client.read_console(only_run_id(client, "tty"))
    assert line.text == "True True 97"


def test_a_reader_that_goes_ends_the_program(shell: Shell) -> None:
    command = " ".join([*COMMAND, "run", "yes", "|", "head", "-2"])
    done = subprocess.run(
        ["sh", "-c", command],
        env=ENVIRONMENT | shell.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("y\ny\n", "")


def test_a_run_is_followed_while_it_writes(shell: Shell, client: TrackingClient) -> None:
    program = "echo first; read line; echo second $line; exit 3"
    launched = subprocess.Popen(
        [*COMMAND, "run", "-n", "followed", "sh", "-c", program],
        env=ENVIRONMENT | shell.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launched.stdin is not None
    assert launched.stdout is not None
    assert launched.stdout.readline() == "first\n"
    following = subprocess.Popen(
        [*COMMAND, "runs", "console", "--follow", only_run_id(client, "followed")],
        env=ENVIRONMENT | shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline() == "first\n"  # it came while the program waits
    launched.communicate("and last\n")
    assert launched.returncode == 3
    assert following.communicate(timeout=60)[0] == "second and last\n"
    assert following.returncode == 0


def test_a_terminal_obeys_nothing_of_what_was_written_but_colours(
    shell: Shell, client: TrackingClient
) -> None:
    run_id = client.create_run().info.run_id
    text = "\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07\x1b]52;c;!\x1b\\\x1bc\x9b5n\ta\b\x00\u202e"
    client.buffer(run_id).log_console(
        [ConsoleLine(stream=CONSOLE_STREAM_STDOUT, text=text, writer=1)]
    )
    client.flush()
    assert shell.output("runs", "console", run_id) == "red \\x9b5n\ta\\x08\\x00\\u202e\n"
    terminal = Terminal([*COMMAND, "runs", "console", run_id], shell.environment)
    try:
        terminal.process.wait(60)
        terminal.wait_for("red")
        terminal.wait_for("\\u202e")
        shown = terminal._output
    finally:
        terminal.close()
    assert shown.startswith("\x1b[31mred\x1b[0m \\x9b5n")
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
