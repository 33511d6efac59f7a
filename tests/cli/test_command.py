"""What all commands have in common: help, completion, errors and exit statuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from runstream import TrackingClient
from runstream.cli import main
from support.server_process import ENVIRONMENT
from support.shell import COMMAND, Shell


def commands(group: click.Group = main, *path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


# Help


def test_the_help_lists_every_command(shell: Shell) -> None:
    listed = shell.output("--help")
    assert {name for name, _ in commands()} == {
        *("server", "ui", "run", "log", "watch", "gc", "completion", "export"),
        *(f"import {n}" for n in ("aim", "csv", "mlflow", "neptune", "parquet", "runstream")),
        *(f"import {n}" for n in ("tensorboard", "trackio", "wandb")),
        *("sync", *(f"spool {n}" for n in ("list", "show", "discard"))),
        *(f"experiments {n}" for n in ("create", "list", "show", "rename", "delete", "restore")),
        *(f"runs {n}" for n in ("create", "list", "show", "compare", "end", "console")),
        *(f"runs {n}" for n in ("move", "copy", "delete", "restore", "export")),
        *("metrics show", "artifacts upload", "artifacts download", "artifacts list"),
        *(f"db {n}" for n in ("upgrade", "check", "backup", "restore", "copy", "distribute")),
        *(f"tokens {n}" for n in ("create", "list", "revoke")),
        *(
            f"models {n}"
            for n in (
                *("list", "show", "versions", "register", "alias"),
                *("tag", "stage", "delete", "download"),
            )
        ),
        *(f"grants {n}" for n in ("set", "list", "delete")),
        *("audit", "db create-token"),
    }
    for name, _ in commands():
        assert f"\n  {name} " in listed


def test_the_help_has_the_exit_statuses(shell: Shell) -> None:
    listed = shell.output("-h").split("Exit status:")[1]
    assert [line.split()[0] for line in listed.splitlines()[1:7]] == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "130",
    ]


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_has_help(shell: Shell, name: str, command: click.Command) -> None:
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, option.name
    assert command.get_short_help_str(80).endswith((".", "`")), "it is cut in the list"
    assert shell.output(*name.split(), "--help").startswith("Usage: ")


def test_every_command_that_asks_a_server_has_the_option_for_it() -> None:
    """But for `sync`, which asks the servers that folders name, or that of its option --to."""
    for name, command in commands():
        has = any("--tracking-uri" in option.opts for option in command.params)
        has_none = name in {"server", "completion", "sync"} or name.startswith(("db ", "spool "))
        assert has != has_none, name


def test_the_help_is_there_without_what_is_optional(tmp_path: Path) -> None:
    """Nor does it take long: nothing else is imported."""
    absent = (
        "pandas",
        "numpy",
        "pyarrow",
        "tqdm",
        "peewee",
        "lark",
        "obstore",
        "runstream_service.server",
        "runstream_service.engine",
    )
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in absent)
    (tmp_path / "sitecustomize.py").write_text(f"import sys\n{blocked}")
    done = subprocess.run(
        [*COMMAND, "--help"],
        env=ENVIRONMENT | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


# Completion


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shell: Shell, name: str) -> None:
    script = shell.output("completion", name)
    assert "_RUNSTREAM_COMPLETE=" in script
    if program := shutil.which(name):
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def complete(shell: Shell, *words: str) -> list[str]:
    """What bash is told when Tab is pressed after the last word."""
    done = subprocess.run(
        [Path(sys.executable).with_name("runstream")],
        env=ENVIRONMENT
        | shell.environment
        | {
            "_RUNSTREAM_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("runstream", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split(",")[1] for line in done.stdout.splitlines() if line]


def test_commands_experiments_and_runs_are_completed(shell: Shell, client: TrackingClient) -> None:
    run_id = client.create_run(client.create_experiment("complete-me")).info.run_id
    assert complete(shell, "expe") == ["experiments"]
    assert complete(shell, "runs", "list", "--experiment-name", "complete") == ["complete-me"]
    assert complete(shell, "runs", "show", run_id[:12]) == [run_id]
    assert complete(shell, "watch", "no-run") == []


def test_completion_is_silent_without_a_server_and_starts_none(tmp_path: Path) -> None:
    for uri in ("grpc://127.0.0.1:1", f"sqlite:///{tmp_path}/runs.db", "nonsense://"):
        assert complete(Shell(uri), "runs", "list", "-n", "x") == []
    assert list(tmp_path.iterdir()) == []


# Errors


def test_a_server_that_is_not_there_is_status_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runstream.cli.client_option._TIMEOUT", 0.2)
    away = Shell("grpc://127.0.0.1:1")
    began = time.monotonic()
    assert away.refusal(4, "runs", "list") == "Error: no server answers at grpc://127.0.0.1:1"
    assert time.monotonic() - began < 20


def test_a_wrong_tracking_uri_is_status_2(shell: Shell) -> None:
    assert "http" in shell.refusal(2, "runs", "list", "--tracking-uri", "http://host:1")


def test_a_tracking_uri_before_the_command_is_refused_saying_where_it_belongs(shell: Shell) -> None:
    said = shell.refusal(2, "--tracking-uri", "runs.db", "runs", "list")
    assert "comes after the command" in said


def test_the_option_counts_more_than_the_environment(shell: Shell) -> None:
    uri = shell.environment["RUNSTREAM_TRACKING_URI"]
    assert (
        shell.json(
            "experiments",
            "show",
            "-x",
            "0",
            "--tracking-uri",
            uri,
            RUNSTREAM_TRACKING_URI="http://wrong",
        )["name"]
        == "Default"
    )


def test_an_error_is_one_line_and_no_traceback(shell: Shell) -> None:
    done = shell.process("runs", "show", "f" * 32)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"Error: Run with id={'f' * 32} not found\n"


def test_an_alphabet_that_stdout_does_not_have_is_escaped(
    shell: Shell, client: TrackingClient
) -> None:
    show = ("experiments", "show", "-x", client.create_experiment("日本"))
    assert "日本" in shell.process(*show, PYTHONIOENCODING="utf-8").stdout
    assert r"\u65e5\u672c" in shell.process(*show, PYTHONIOENCODING="latin-1").stdout
    said = shell.process(*show, "--json", PYTHONIOENCODING="latin-1")
    assert json.loads(said.stdout)["name"] == "日本"
