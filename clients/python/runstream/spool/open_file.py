"""Descriptors of the files of a spool, which a forked child closes."""

from __future__ import annotations

import os
from weakref import WeakSet

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

        Raises:
            OSError: it cannot be opened.
        """
        self.descriptor = -1
        _open_files.add(self)
        self.descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def close(self) -> None:
        """Close the file; doing it twice is fine."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def _close_all() -> None:
    for file in list(_open_files):
        file.close()


os.register_at_fork(after_in_child=_close_all)
