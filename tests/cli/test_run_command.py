"""`runstream run`: programs that are launched, and the runs that they have."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream import Run, TrackingClient, sync
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess
from support.shell import COMMAND, Shell
from support.terminal import Terminal
from support.waiting import wait_until

# Prints which signals come, until it is ended by SIGKILL.
SIGNALS = """
import signal
numbers = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM")]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
print("ready", flush=True)
while True:
    print(signal.Signals(signal.sigwait(numbers)).name, flush=True)
"""

# Sends the launcher a signal as soon as the one before has come back, so that many come while the
# launcher is busy with the last.
PING_PONG = """
import os, signal
numbers = [signal.SIGUSR2, signal.SIGHUP]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
for number in 2000 * numbers:
    os.kill(os.getppid(), number)
    came = signal.sigtimedwait(numbers, 10)
    assert came and came.si_signo == number, number
"""


class Launched:
    """A `runstream run` that goes on."""

    def __init__(self, uri: str, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "run", "--tracking-uri", uri, *arguments],
            env=ENVIRONMENT | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str]:
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output + errors


@pytest.fixture
def launch(server: ServerProcess) -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def launch(*arguments: str, **environment: str) -> Launched:
        started.append(Launched(server.uri, *arguments, **environment))
        return started[-1]

    yield launch
    for launched in started:
        if launched.process.poll() is None:
            for program in children_of(launched.process.pid):  # each has a group of its own
                os.killpg(int(program), signal.SIGKILL)
        launched.process.communicate(timeout=60)


def write(folder: Path, name: str, program: str) -> str:
    (folder / name).write_text(program)
    return str(folder / name)


def only_run(client: TrackingClient, experiment: str) -> Run:
    """The one run of an experiment, which each test has of its own."""
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    return run


# What is launched


def test_a_script_gets_its_run_its_params_and_its_arguments(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    script = write(
        tmp_path,
        "train.py",
        "import json, os, sys, runstream\n"
        "with runstream.start_run() as run:\n"
        "    runstream.log_metric('loss', 0.5)\n"
        "print(json.dumps([run.run_id, sys.argv, dict(os.environ)]))\n",
    )
    done = shell.process(
        *("run", "--experiment-name", "launched script", "--run-name", "first"),
        *("-P", "lr=1e-3", "-P", "name=a b", script, "--", "--epochs", "3", "--", "-P"),
        MLFLOW_EXPERIMENT_NAME="another",
    )
    assert (done.returncode, done.stderr) == (0, "")
    run_id, argv, environment = json.loads(done.stdout)
    assert argv == [script, "--lr", "1e-3", "--name", "a b", "--epochs", "3", "--", "-P"]
    run = only_run(client, "launched script")
    assert (run.info.run_id, run.info.run_name, run.info.status) == (run_id, "first", "FINISHED")
    assert run.data.params == {"lr": "1e-3", "name": "a b"}
    assert run.data.metrics == {"loss": 0.5}
    assert run.data.tags["mlflow.source.name"] == script
    assert run.data.tags["mlflow.source.type"] == "LOCAL"
    uri = shell.environment["RUNSTREAM_TRACKING_URI"]
    # `start_run` has taken the id of the run, so that another one starts a run of its own.
    assert "RUNSTREAM_RUN_ID" not in environment
    assert environment["RUNSTREAM_EXPERIMENT_ID"] == run.info.experiment_id
    assert environment["MLFLOW_EXPERIMENT_ID"] == run.info.experiment_id
    assert "MLFLOW_EXPERIMENT_NAME" not in environment
    assert environment["RUNSTREAM_TRACKING_URI"] == environment["MLFLOW_TRACKING_URI"] == uri


def test_a_command_gets_the_run_in_its_environment(shell: Shell, client: TrackingClient) -> None:
    name = "launched command"
    command = 'echo "$RUNSTREAM_RUN_ID $MLFLOW_RUN_ID $1"; cat'
    done = shell.process("run", "-n", name, "sh", "-c", command, "sh", "--", "-n")
    run = only_run(client, name)
    assert done.stdout == f"{run.info.run_id} {run.info.run_id} --\n"
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.source.name"] == "sh"


def test_a_module_is_run_as_python_does(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    write(package, "__init__.py", "")
    write(package, "train.py", "import sys; print(__name__, sys.argv[1:])")
    done = subprocess.run(
        [*COMMAND, "run", "-n", "launched module", "-m", "package.train", "--quick"],
        env=ENVIRONMENT | shell.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "__main__ ['--quick']\n", "")
    assert only_run(client, "launched module").data.tags["mlflow.source.name"] == "package.train"


def test_a_project_runs_in_its_folder_with_the_python_of_runstream(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(Path(__file__).parents[2] / "examples/project", folder)
    write(folder, "python_env.yaml", 'python: "2.7"')
    done = shell.process("run", "-n", "launched project", "-P", "watts=2000", str(folder))
    assert done.stdout == "stainless steel: 252 s with 2000 W\n"
    assert re.fullmatch(
        r"runstream: python_env.yaml asks for Python 2.7, and this is 3\S+\n", done.stderr
    )
    run = only_run(client, "launched project")
    assert run.data.params == {"watts": "2000", "litres": "1.5", "kettle": "stainless steel"}
    assert run.data.metrics == {"temperature": 100.0}
    tags = {key: value for key, value in run.data.tags.items() if "user" not in key}
    assert tags == {
        "mlflow.runName": run.info.run_name,
        "mlflow.source.name": str(folder),
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": "main",
        "mlflow.project.backend": "local",
    }


def test_a_run_that_is_launched_by_a_launched_program_is_its_child(
    shell: Shell, client: TrackingClient
) -> None:
    inner = f"{sys.executable} -m runstream run true"
    done = shell.process("run", "-n", "launched below", "sh", "-c", f"{inner} && {inner}")
    assert (done.returncode, done.stderr) == (0, "")
    found = client.get_experiment_by_name("launched below")
    assert found is not None
    *children, parent = client.search_runs([found.experiment_id])
    assert [run.data.tags["mlflow.parentRunId"] for run in children] == [parent.info.run_id] * 2


def test_what_cannot_be_launched_leaves_no_run(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    name = "not launched"
    here = client.create_experiment(name)
    (tmp_path / "MLproject").write_text("entry_points: {main: {command: 'true {lr}'}}")
    project = str(tmp_path)
    for status, words, arguments in (
        (3, "neither a Python script, nor a folder", ("no-such-program",)),
        (3, "if it is a module, give -m", ("json",)),
        (3, "no module 'nothing.at'", ("-m", "nothing.at")),
        (3, "neither an entry point nor a script 'b'", ("-e", "b", project)),
        (2, "{lr} is none of its parameters", (project,)),
        (2, "-P a is given twice", ("-P", "a=1", "-P", "a=2", "true")),
        (2, "'a//b'", ("-P", "a//b=1", "true")),
        (2, "no '='", ("-P", "a", "true")),
        (2, "Make it with conda", ("--env-manager", "conda", project)),
        (2, "it must be local", ("--env-manager", "nix", project)),
        (3, "Run with id=", ("true",)),
    ):
        environment = {"RUNSTREAM_RUN_ID": "0" * 32} if arguments == ("true",) else {}
        assert words in shell.refusal(status, "run", "-n", name, *arguments, **environment)
    assert list(client.search_runs([here])) == []


def test_a_script_runs_as_from_a_shell_and_what_hinders_it_is_said(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    for name, text in (("plain", "echo $1 by sh"), ("lost", "#!/no/such/shell")):
        os.chmod(write(tmp_path, name, text), 0o755)
    assert shell.process("run", str(tmp_path / "plain"), "hello").stdout == "hello by sh\n"
    done = shell.process("run", "-n", "no interpreter", str(tmp_path / "lost"))
    assert done.returncode == 1
    assert "its first line names an interpreter that is not there" in done.stderr
    assert only_run(client, "no interpreter").info.status == "FAILED"


def test_a_program_is_launched_while_the_server_cannot_be_reached_and_its_run_is_kept(
    shell: Shell, tmp_path: Path
) -> None:
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    done = shell.process("run", "--tracking-uri", uri, "touch", str(tmp_path / "launched"))
    assert done.returncode == 0
    assert (tmp_path / "launched").exists()
    assert "` sends it, and so does the next program" in done.stderr


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
    program = write(tmp_path, "train.py", f"import os, time, runstream\n{text}{end}\n")
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    environment = {"RUNSTREAM_SPOOL": str(tmp_path / "spool"), "RUNSTREAM_EXIT_SECONDS": "1"}
    if is_offline:
        environment["RUNSTREAM_OFFLINE"] = "1"
    name = f"away {status} {is_offline} {'start_run' in end}"
    command = ("run", "--tracking-uri", uri, "--experiment-name", name, program)
    shell.process(*command, **environment)
    assert sync(tmp_path / "spool", to=server.uri).is_complete
    assert only_run(client, name).info.status == status


# How the run ends


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
    script = write(
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
    script = write(
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


# Signals


def test_signals_of_the_launcher_reach_the_program_once(
    launch: Callable[..., Launched], client: TrackingClient
) -> None:
    launched = launch("-n", "signals", sys.executable, "-c", SIGNALS)
    assert launched.line() == "ready"
    for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM", "SIGINT"):
        launched.process.send_signal(getattr(signal, name))
        assert launched.line() == name
    os.kill(int(children_of(launched.process.pid)[0]), signal.SIGKILL)
    assert launched.end() == (137, "")
    assert only_run(client, "signals").info.status == "KILLED"


def test_no_signal_of_many_is_forwarded_late(launch: Callable[..., Launched]) -> None:
    assert launch(sys.executable, "-c", PING_PONG).end() == (0, "")


def test_signals_reach_all_that_a_shell_has_started(launch: Callable[..., Launched]) -> None:
    program = f"trap : TERM; {sys.executable} -c '{SIGNALS}'; wait"
    launched = launch("sh", "-c", program)
    assert launched.line() == "ready"
    os.killpg(launched.process.pid, signal.SIGTERM)  # as `timeout` and schedulers do
    assert launched.line() == "SIGTERM"


def test_ctrl_c_reaches_the_program_once_and_it_reads_from_the_terminal(
    shell: Shell, client: TrackingClient
) -> None:
    program = (
        "import time\ntry:\n    print(input('name? '), flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5)\n    print('tidied up')\n    raise\n"
    )
    terminal = Terminal(
        [*COMMAND, "run", "-n", "on a terminal", sys.executable, "-c", program], shell.environment
    )
    try:
        terminal.wait_for("name? ")
        terminal.type("ada\n")
        terminal.wait_for("ada\r\nada")
        terminal.type("\x03")
        status, lines = terminal.end()
    finally:
        terminal.close()
    assert status == 130
    assert "^Ctidied up" in lines
    assert lines[-1] == "KeyboardInterrupt"
    assert only_run(client, "on a terminal").info.status == "KILLED"


def test_a_program_outlives_its_launcher_and_ends_its_run_itself(
    launch: Callable[..., Launched], client: TrackingClient, tmp_path: Path
) -> None:
    script = write(
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


def children_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
