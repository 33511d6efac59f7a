"""What the files of a Git repository say of it, without starting git.

Starting git takes 5 to 50 ms, too much for the start of a run, and it may not be installed.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")  # SHA-1 or SHA-256
_SECTION = re.compile(r'\s*\[\s*(\w+)(?:\s+"(.*)")?\s*\]')
_URL = re.compile(r"\s*url\s*=\s*(\S+)", re.IGNORECASE)


class Repository(NamedTuple):
    """A repository; what is not known of it is "".

    Attributes:
        folder: where its work tree is.
        commit: the commit that is checked out.
        branch: the branch that is checked out.
        remote: the URL of `origin`, or else of the first remote, as it is configured.
    """

    folder: str
    commit: str
    branch: str
    remote: str


def find_repository(folder: str) -> Repository | None:
    """Return the repository that a folder is in, None if it is in none or cannot be read."""
    folder = os.path.realpath(folder)
    try:
        while not os.path.exists(os.path.join(folder, ".git")):
            folder, below = os.path.dirname(folder), folder
            if folder == below:
                return None
        return _read_repository(folder)
    except (OSError, UnicodeError):
        return None


def _read_repository(folder: str) -> Repository:
    git = common = os.path.join(folder, ".git")
    if os.path.isfile(git):  # of a worktree or a submodule: `gitdir: PATH`
        git = common = os.path.join(folder, _read(git).removeprefix("gitdir:").strip())
    if os.path.isfile(os.path.join(git, "commondir")):
        # A worktree keeps its branches and remotes in the repository that it belongs to.
        common = os.path.join(git, _read(git, "commondir"))
    commit, branch = _read(git, "HEAD"), ""
    if commit.startswith("ref:"):
        reference = commit.removeprefix("ref:").strip()
        branch = reference.removeprefix("refs/heads/")
        commit = _resolve(common, reference)
    return Repository(
        folder, commit if _COMMIT.fullmatch(commit) else "", branch, _read_remote(common)
    )


def _resolve(git: str, reference: str) -> str:
    if os.path.isfile(os.path.join(git, reference)):
        return _read(git, reference)
    if os.path.isfile(os.path.join(git, "packed-refs")):
        for line in _read(git, "packed-refs").splitlines():
            commit, _, name = line.partition(" ")
            if name == reference:
                return commit
    return ""


def _read_remote(git: str) -> str:
    remotes: dict[str, str] = {}
    section = ("", "")
    for line in _read(git, "config").splitlines():
        if head := _SECTION.match(line):
            section = head[1].lower(), head[2] or ""
        elif section[0] == "remote" and (url := _URL.match(line)):
            remotes.setdefault(section[1], url[1])
    return remotes.get("origin") or next(iter(remotes.values()), "")


def _read(*path: str) -> str:
    with open(os.path.join(*path)) as file:
        return file.read().strip()
