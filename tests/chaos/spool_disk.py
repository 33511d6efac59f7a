"""The disk that a spool is on, which can be full or read-only."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

#: Bytes of a disk that can be full: more than a round writes, and quickly filled.
_SIZE = 64 * 1024 * 1024


class SpoolDisk:
    """A folder for a spool.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path, limited: bool) -> None:
        """Make the folder; if it is limited, as a file system of its own, which only root can."""
        self.folder = folder
        self._limited = limited
        folder.mkdir(mode=0o700)
        if limited:
            options = f"size={_SIZE},mode=0700"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)

    def fill(self) -> None:
        """Leave no room for anything."""
        with self._filler.open("ab") as file:
            for size in (1024 * 1024, 4096, 1):
                with suppress(OSError):  # there is not so much room any more
                    while True:
                        os.write(file.fileno(), bytes(size))

    def make_room(self) -> None:
        """Undo `fill`."""
        self._filler.unlink(missing_ok=True)

    def forbid_writing(self) -> None:
        """Let nobody write there; before anybody has a file open."""
        if self._limited:
            subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)
        else:
            self.folder.chmod(0o500)

    def allow_writing(self) -> None:
        """Undo `forbid_writing`."""
        if self._limited:
            subprocess.run(["mount", "-o", "remount,rw", self.folder], check=True)
        else:
            self.folder.chmod(0o700)

    def close(self, keep: Path | None = None) -> None:
        """Remove the file system; copy what is on it, if a folder is named."""
        if self._limited:
            if keep is not None:
                subprocess.run(["cp", "-a", self.folder, keep], check=True)
            subprocess.run(["umount", "--lazy", self.folder], check=True)
            self._limited = False

    @property
    def _filler(self) -> Path:
        return self.folder / ".full"
