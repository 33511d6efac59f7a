"""Descriptors of the files of a spool, which a forked child closes."""

from __future__ import annotations

import errno
import os
import stat
from weakref import WeakSet

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_open_files: WeakSet[OpenFile] = WeakSet()


class OpenFile:
    """A file that is open in this process.

    A forked child has a copy of each descriptor. It must not write to the files of its parent, so
    it closes them before it runs anything else, and each use of them fails by an OSError there.
    Programs that are started do not inherit them.

    Attributes:
        descriptor: the descriptor; -1 once the file is closed.
    """

    def __init__(self, path: str | os.PathLike[str], flags: int) -> None:
        """Open a file; one that is created is for its owner alone.

        It never waits, as the open of a named pipe would.

        Raises:
            OSError: it cannot be opened, or it is a link, or something else that is no file.
        """
        self.descriptor = -1
        _open_files.add(self)
        self.descriptor = os.open(path, flags | _FLAGS, 0o600)
        if not stat.S_ISREG(os.fstat(self.descriptor).st_mode):
            self.close()
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))

    def close(self) -> None:
        """Close the file; doing it twice is fine."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def read_start(path: str | os.PathLike[str], size: int) -> bytes:
    """Return the first bytes of a file, at most `size` of them.

    Raises:
        OSError: it cannot be opened or read, or is no regular file.
    """
    file = OpenFile(path, os.O_RDONLY)
    try:
        return os.pread(file.descriptor, size, 0)
    finally:
        file.close()


def _close_all() -> None:
    for file in list(_open_files):
        file.close()


os.register_at_fork(after_in_child=_close_all)
