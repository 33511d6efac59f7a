"""The tags that describe where a run comes from: who, from which script, at which commit (R4)."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import NamedTuple

from runstream.process.git_files import Repository, find_repository
from runstream.process.notebook import find_notebook_path, is_notebook
from runstream.process.source_parts import wanted_parts


class Program(NamedTuple):
    """The program that runs.

    Attributes:
        script: the script, or the notebook if its path is known; "" if the code was typed.
        arguments: its arguments.
        is_notebook: whether it runs in a kernel of Jupyter.
    """

    script: str
    arguments: list[str]
    is_notebook: bool


def find_source_tags() -> dict[str, str]:
    """Return the reserved tags that apply to this process, found once.

    `mlflow.user`, `mlflow.source.type` (NOTEBOOK or LOCAL), `mlflow.source.name` (the script or
    notebook), and of the repository that the script is in `mlflow.source.git.commit`, `.branch` and
    `.repoURL`, without its password. What cannot be found out is left out.

    Raises:
        InvalidArgument: RUNSTREAM_SOURCE is malformed.
    """
    has_git = "git" in wanted_parts()
    return {
        key: value
        for key, value in _find_cached().items()
        if value and (has_git or not key.startswith("mlflow.source.git."))
    }


def find_program() -> Program:
    """Return the program that runs."""
    if is_notebook():  # the arguments are those of the kernel
        return Program(find_notebook_path(), [], True)
    script = sys.argv[0] if sys.argv and os.path.isfile(sys.argv[0]) else ""
    return Program(script, sys.argv[1:], False)


@cache
def find_program_repository() -> Repository | None:
    """Return the repository that the script or the notebook is in, None if it is in none.

    A notebook whose path is not known is in the working folder. Code that was typed is in none.
    """
    program = find_program()
    if program.script:
        return find_repository(os.path.dirname(os.path.realpath(program.script)))
    return find_repository(os.curdir) if program.is_notebook else None


@cache
def _find_cached() -> dict[str, str]:
    program = find_program()
    found = {
        "mlflow.user": _user(),
        "mlflow.source.type": "NOTEBOOK" if program.is_notebook else "LOCAL",
        "mlflow.source.name": program.script,
    }
    if repository := find_program_repository():
        found["mlflow.source.git.commit"] = repository.commit
        found["mlflow.source.git.branch"] = repository.branch
        if repository.remote:
            from runstream.process.masking import mask_text  # takes milliseconds

            found["mlflow.source.git.repoURL"] = mask_text(repository.remote)
    return found


def _user() -> str:
    try:
        import getpass  # imports the terminal's module

        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return ""
