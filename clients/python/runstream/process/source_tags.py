"""The tags that describe where a run comes from: who, from which script, at which commit (R4)."""

from __future__ import annotations

import getpass
import os
import re
import sys
from functools import cache

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")  # SHA-1 or SHA-256


def find_source_tags() -> dict[str, str]:
    """Return the reserved tags that apply to this process, found once.

    `mlflow.user`, `mlflow.source.type` (NOTEBOOK or LOCAL), `mlflow.source.name` (the script or
    notebook) and `mlflow.source.git.commit` (of the repository the script is in). What cannot be
    found out is left out; nothing is raised.
    """
    return dict(_find_cached())


@cache
def _find_cached() -> dict[str, str]:
    found = {"mlflow.user": _user(), "mlflow.source.type": "LOCAL"}
    if "ipykernel" in sys.modules:
        # A kernel knows the path of its notebook only if the Jupyter server tells it.
        found["mlflow.source.type"] = "NOTEBOOK"
        source = os.environ.get("JPY_SESSION_NAME", "")
    else:
        source = sys.argv[0] if sys.argv and os.path.isfile(sys.argv[0]) else ""
    found["mlflow.source.name"] = source
    if source:
        found["mlflow.source.git.commit"] = _commit(source)
    return {key: value for key, value in found.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return ""


def _commit(script: str) -> str:
    """Return the commit that is checked out where a script lies, "" outside a repository.

    The files are read here: starting git would take 5 to 50 ms, and it may not be installed.
    """
    folder = os.path.dirname(os.path.realpath(script))
    try:
        while not os.path.exists(os.path.join(folder, ".git")):
            folder, below = os.path.dirname(folder), folder
            if folder == below:
                return ""
        git = os.path.join(folder, ".git")
        if os.path.isfile(git):  # of a worktree or a submodule: `gitdir: PATH`
            git = os.path.join(folder, _read(git).removeprefix("gitdir:").strip())
        head = _read(git, "HEAD")
        if head.startswith("ref:"):
            head = _resolve(git, head.removeprefix("ref:").strip())
    except (OSError, UnicodeError):
        return ""
    return head if _COMMIT.fullmatch(head) else ""


def _resolve(git: str, branch: str) -> str:
    if os.path.isfile(os.path.join(git, "commondir")):
        # A worktree keeps its branches in the repository that it belongs to.
        git = os.path.join(git, _read(git, "commondir"))
    if os.path.isfile(os.path.join(git, branch)):
        return _read(git, branch)
    for line in _read(git, "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == branch:
            return commit
    return ""


def _read(*path: str) -> str:
    with open(os.path.join(*path)) as file:
        return file.read().strip()
