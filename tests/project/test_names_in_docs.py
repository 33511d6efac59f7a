"""What the README and the documents name is there: functions, imports, commands, options, files."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import runstream
from runstream.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")]
PAGES.remove(
    ROOT / "docs/integrations.md"
)  # its programs import frameworks, and are run themselves
TEXT = "\n".join(path.read_text() for path in PAGES)


def test_every_python_name_of_the_documents_is_there_after_import_runstream() -> None:
    names = set(re.findall(r"(?<![\w./-])runstream((?:\.[A-Za-z]\w*)+)(?![\w/-])", TEXT))
    names -= {
        ".db",
        ".deadline",
        ".lost",
        ".resumed",
        ".copied_from",
        ".error",
        ".io",
    }  # a file, an option of R, tags, the domain of errors
    names = {
        name for name in names if not name.startswith((".import", ".export", ".run_id"))
    }  # tags
    assert {".log_metric", ".data.from_pandas"} <= names
    program = "import runstream\n" + "\n".join(f"runstream{name}" for name in names)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""


def test_every_method_of_the_client_that_the_documents_name_is_there() -> None:
    text = "".join(path.read_text() for path in PAGES if path.name != "jvm.md")  # of other clients
    names = set(re.findall(r"`TrackingClient\.([a-z_]+)[(`]", text))
    assert "search_runs" in names
    assert {name for name in names if not hasattr(runstream.TrackingClient, name)} == set()


def test_every_import_of_the_documents_finds_what_it_imports() -> None:
    imports = re.findall(r"^\s*from (runstream[\w.]*) import ([\w, ]+)$", TEXT, re.M)
    assert len(imports) > 5
    for module, names in imports:
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), (module, name)


def commands_of_the_documents() -> set[str]:
    """Return what follows `runstream` in consoles, in indented lines and in the text.

    In the text, `runstream group` `one`, `two` stands for two commands.
    """
    lines = re.findall(r"^(?:\$|   ) runstream ([^|>#\n]+)$", TEXT, re.M)
    inline = re.findall(r"`(?:python -m )?runstream ([a-z-][^`]*)`((?:,? `[a-z]+`)*)", TEXT)
    nested = re.findall(r"\$\(runstream ([^)]+)\)", TEXT)
    listed = [
        f"{command} {name}" for command, names in inline for name in re.findall(r"[a-z]+", names)
    ]
    return {" ".join(found.split()) for found in [*lines, *dict(inline), *listed, *nested]}


def test_every_command_of_the_documents_is_one_with_options_that_it_has() -> None:
    commands = commands_of_the_documents()
    assert {"runs export", "db check", "import mlflow", "completion bash"} <= commands
    assert any("--http-port" in one or "--port" in one for one in commands)
    for text in commands:
        context, command, words = parsed_command(text)
        if isinstance(command, click.Group):
            assert words in ([], ["--help"]), text
        else:
            command.make_parser(context).parse_args(args=words)  # NoSuchOption, if it is wrong


def parsed_command(text: str) -> tuple[click.Context, click.Command, list[str]]:
    """Return the command that a line names, and its words that follow."""
    command: click.Command = main
    context = click.Context(main, info_name="runstream")
    words = shlex.split(text)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name} in: runstream {text}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    return context, command, words


def test_every_option_of_the_documents_is_one_of_a_command() -> None:
    named = set(re.findall(r"`(--[a-z][a-z-]+)[^`]*`", TEXT))
    options = {option for command in all_commands(main) for option in options_of(command)}
    assert "--lost-after" in named
    assert named - options == {"--help"}


def all_commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from all_commands(found)


def options_of(command: click.Command) -> set[str]:
    return {text for option in command.params for text in (*option.opts, *option.secondary_opts)}


def test_every_file_that_the_documents_of_the_house_name_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    changes = (ROOT / "docs/making-changes.md").read_text()
    text += changes.replace("client/", "runstream/").replace("server/", "runstream_service/")
    names = set(re.findall(r"(?<![\w./*])\w[\w/]*\.(?:py|tsx?|lark|css|java|proto)\b", text))
    assert {"outbox/buffer.py", "panels/curves.ts", "runstream/rules.py"} <= names
    files = [
        path.as_posix()
        for folder in ("proto", "clients", "service", "web/src", "tests")
        for path in (ROOT / folder).rglob("*.*")
    ]
    assert {name for name in names if not any(f.endswith(f"/{name}") for f in files)} == set()
