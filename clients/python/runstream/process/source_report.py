"""What a run keeps of the program that logs to it: a report and the changes of its code.

This takes from 20 ms to seconds, because git is asked and folders are read, so it is done in the
background (`runstream.fluent.run_source`).
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import threading
from typing import Any, NamedTuple

from runstream.process.git_files import Repository
from runstream.process.masking import mask_arguments, mask_code, mask_text
from runstream.process.source_tags import find_program, find_program_repository

#: Seconds that git may take, each time that it is asked.
GIT_SECONDS = 10.0

#: Bytes of the changes of code. Longer ones are left out, because a part could not be applied.
DIFF_BYTES = 1024 * 1024

#: Files of a repository that are named, of those that are changed and of those that are untracked.
NAMED_FILES = 1000

# Files that hold secrets as a rule; their changes are left out.
_SECRET_FILES = (".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*")

_STATUS_BYTES = 1024 * 1024
_DISTRIBUTION = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-.*)?\.(?:dist|egg)-info")


class SourceReport(NamedTuple):
    """The source of a program.

    Attributes:
        program: what is known of it, as JSON has it.
        diff: the changes of tracked files since the commit, "" if there are none.
    """

    program: dict[str, Any]
    diff: str


def collect_source(parts: frozenset[str]) -> SourceReport:
    """Return the source of this program.

    Args:
        parts: the parts of `runstream.process.source_parts` that are wanted.
    """
    report: dict[str, Any] = {}
    if "program" in parts:
        program = find_program()
        report["script"] = program.script
        report["arguments"] = mask_arguments(program.arguments)
        report["working_folder"] = _working_folder()
    if "host" in parts:
        report |= {
            "host": platform.node(),
            "platform": platform.platform(),
            "processors": os.cpu_count(),
        }
    repository = find_program_repository() if parts & {"git", "diff"} else None
    diff = ""
    if repository is not None:
        git, diff = _describe_repository(repository, parts)
        report["git"] = git
    if "packages" in parts:
        report |= {
            "python": platform.python_version(),
            "executable": sys.executable,
            "packages": find_packages(),
        }
    return SourceReport(report, diff)


def find_packages() -> dict[str, str]:
    """Return the versions of all packages that can be imported, by name.

    The names of the folders that installers leave say both. Reading the metadata in them, as
    `importlib.metadata` does, takes a hundred times as long, which the training would pay for.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or os.curdir)
        except OSError:
            continue
        for name in names:
            if match := _DISTRIBUTION.fullmatch(name):
                found.setdefault(match["name"].replace("_", "-").lower(), match["version"])
    return dict(sorted(found.items()))


def _describe_repository(
    repository: Repository, parts: frozenset[str]
) -> tuple[dict[str, Any], str]:
    git: dict[str, Any] = {}
    if "git" in parts:
        git = {
            "commit": repository.commit,
            "branch": repository.branch,
            "remote": mask_text(repository.remote),
        }
    git |= _changed_files(repository.folder)
    if "diff" not in parts or not git.get("changed"):
        return git, ""
    excluded = [f":(exclude,glob)**/{name}" for name in _SECRET_FILES]
    diff = _ask_git(
        repository.folder,
        ("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--", ".", *excluded),
        DIFF_BYTES,
    )
    if diff is None:
        return git | {"diff": "left out: git did not say it in time"}, ""
    if len(diff) > DIFF_BYTES:
        return git | {"diff": f"left out: it is longer than {DIFF_BYTES} bytes"}, ""
    return git, mask_code(diff.decode(errors="replace"))


def _changed_files(folder: str) -> dict[str, Any]:
    """Return which files git says are changed, and which are untracked."""
    status = _ask_git(folder, ("status", "--porcelain=v1", "-z", "--no-renames"), _STATUS_BYTES)
    if status is None:
        return {}
    entries = status.decode(errors="replace").split("\0")[:-1]
    untracked = [entry[3:] for entry in entries if entry.startswith("??")]
    changed = [entry[3:] for entry in entries if not entry.startswith("??")]
    found: dict[str, Any] = {"changed": changed, "untracked": untracked}
    for name, files in list(found.items()):
        if len(files) > NAMED_FILES:
            found[name] = files[:NAMED_FILES]
            found[f"{name}_count"] = len(files)
    return found


def _ask_git(folder: str, arguments: tuple[str, ...], limit: int) -> bytes | None:
    """Return what git says, and of more than `limit` bytes the beginning, one byte longer.

    None if git is not there, fails or takes too long. Git writes nothing and runs no program that
    the configuration of the repository names.
    """
    options = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C", folder)
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 # no shell, and no argument of others
            ("git", *options, *arguments),  # noqa: S607 # the user's git, wherever it is
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    deadline = threading.Timer(GIT_SECONDS, process.kill)
    deadline.daemon = True
    deadline.start()
    with process:
        output: bytes = process.stdout.read(limit + 1) if process.stdout else b""
        if len(output) > limit:
            process.kill()
    deadline.cancel()
    return output if process.returncode == 0 or len(output) > limit else None


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""
