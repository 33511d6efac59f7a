"""Files that another user of the machine may have put in place of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.server_process import ENVIRONMENT

#: A user who is not the one of the tests: nobody.
STRANGER = 65534

#: Marks what only root can try: files of other users.
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")


def make_pipe(path: Path) -> None:
    """Make a named pipe; opening it waits for its other end."""
    os.mkfifo(path)


def make_dangling_link(path: Path) -> None:
    """Make a link to a file that does not exist, and that writing would create."""
    path.symlink_to(path.with_name("target"))


def make_link(path: Path) -> None:
    """Make a link to a file that must not be changed."""
    path.with_name("target").write_bytes(b"precious")
    path.symlink_to(path.with_name("target"))


def make_folder(path: Path) -> None:
    """Make a folder."""
    path.mkdir()


OBSTACLES = [make_pipe, make_dangling_link, make_link, make_folder]


def make_file_of_stranger(path: Path, content: bytes) -> None:
    """Make a file of a stranger that everybody may read and write."""
    path.write_bytes(content)
    path.chmod(0o666)
    os.chown(path, STRANGER, STRANGER)


def run_refused_server(database: Path) -> str:
    """Start a server that must not come up; return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "server", "--port", "0"],
        env=ENVIRONMENT | {"RUNSTREAM_DATABASE": f"sqlite:///{database}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr
