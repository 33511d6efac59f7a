"""What another user of the machine may have put somewhere."""

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


def pipe(path: Path) -> None:
    """A named pipe, which whoever opens it waits for."""
    os.mkfifo(path)


def dangling_link(path: Path) -> None:
    """A link to what is not there yet, and would be made."""
    path.symlink_to(path.with_name("target"))


def link(path: Path) -> None:
    """A link to a file that is to be changed."""
    path.with_name("target").write_bytes(b"precious")
    path.symlink_to(path.with_name("target"))


def folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


PUT = [pipe, dangling_link, link, folder]


def prepared(path: Path, content: bytes) -> None:
    """Make a file of a stranger that everybody may read and write."""
    path.write_bytes(content)
    path.chmod(0o666)
    os.chown(path, STRANGER, STRANGER)


def start_refused(database: Path) -> str:
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
