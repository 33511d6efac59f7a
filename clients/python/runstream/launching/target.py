"""What `runstream run` starts: a script, a module, a command, or a project in a folder."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder

from runstream.errors import NotFound
from runstream.launching.environment import find_differences
from runstream.launching.parameters import build_command, format_options
from runstream.launching.project import read_project


@dataclass(frozen=True)
class Target:
    """A program to start.

    Attributes:
        command: the program and its arguments, as the operating system takes them.
        source_name: what people call it, the tag `mlflow.source.name`.
        source_folder: the folder whose repository is that of the program; None if there is none.
        params: what is logged as params.
        tags: tags of the run, besides those of every source.
        working_folder: where the program runs; None for the current folder.
        warnings: what a person should know before it runs.
    """

    command: Sequence[str]
    source_name: str
    source_folder: str | None
    params: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    working_folder: str | None = None
    warnings: Sequence[str] = ()


def find_target(name: str, arguments: Sequence[str], params: Mapping[str, str]) -> Target:
    """Return a script (`*.py`) or a command.

    Args:
        name: the path of the script; or the path of a program, or its name on the PATH.
        arguments: its arguments.
        params: what is logged as params, and given to it as `--key value`.

    Raises:
        NotFound: there is no such program.
    """
    words = [*format_options(params), *arguments]
    if name.endswith(".py") and os.path.isfile(name):
        folder = os.path.dirname(os.path.realpath(name))
        return Target([sys.executable, name, *words], name, folder, params)
    program = shutil.which(name)
    if program is None:
        hint = "; if it is a module, give -m" if _find_module(name) else ""
        raise NotFound(
            f"{name!r} is neither a Python script, nor a folder, nor a program on the PATH{hint}",
            reason="PROGRAM_NOT_FOUND",
            field="TARGET",
            value=name,
        )
    return Target([program, *words], name, os.path.dirname(os.path.realpath(program)), params)


def find_module(name: str, arguments: Sequence[str], params: Mapping[str, str]) -> Target:
    """Return a module, as `python -m` runs it; the arguments are as those of `find_target`."""
    folder = _find_module(name)
    if folder is None:
        raise NotFound(
            f"there is no module {name!r}, neither in the current folder nor installed",
            reason="MODULE_NOT_FOUND",
            field="TARGET",
            value=name,
        )
    command = [sys.executable, "-m", name, *format_options(params), *arguments]
    return Target(command, name, folder, params)


def find_project(
    folder: str,
    arguments: Sequence[str],
    params: Mapping[str, str],
    entry_point: str,
    allows_container: bool,
) -> Target:
    """Return an entry point of a folder with a file MLproject.

    Args:
        folder: the folder, in which the program runs.
        arguments: arguments of the program, after those of the entry point.
        params: values of its parameters, and others, which it gets as `--key value`.
        entry_point: one of the file, or a script in the folder.
        allows_container: whether a project that asks for a container runs without one.

    Raises:
        InvalidArgument: the file or a parameter is malformed, or a parameter has no value.
        NotFound: there is no such entry point.
        FailedPrecondition: the project asks for a container.
        ModuleNotFoundError: PyYAML is not installed.
    """
    folder = os.path.abspath(folder)
    project = read_project(folder)
    if not allows_container:
        project.check_needs_no_container()
    point = project.find_entry_point(entry_point)
    line, values = build_command(point, params, folder)
    shell = shutil.which("bash") or "/bin/sh"
    return Target(
        [shell, "-c", " ".join([line, *map(shlex.quote, arguments)])],
        folder,
        folder,
        values,
        {
            "mlflow.source.type": "PROJECT",
            "mlflow.project.entryPoint": entry_point,
            "mlflow.project.backend": "local",
        },
        folder,
        find_differences(project),
    )


def _find_module(name: str) -> str | None:
    """Return the folder of a module or its package; nothing is imported. None if there is none."""
    found = PathFinder.find_spec(name.partition(".")[0], [os.curdir, *sys.path])
    if found is None:
        return None
    places = [*(found.submodule_search_locations or []), found.origin or os.curdir]
    return os.path.dirname(os.path.realpath(places[0]))
