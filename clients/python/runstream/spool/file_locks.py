"""Locks of whole files, by which processes of all languages know of each other.

They are locks of POSIX. Such a lock belongs to the process: another thread gets it, too, and it is
gone as soon as the process closes any descriptor of the file. So this module keeps all locks of the
process, and opens no file whose lock it has.
"""

from __future__ import annotations

import errno
import os
import threading
from enum import Enum
from pathlib import Path

from runstream.spool.open_file import OpenFile

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

_HELD_ERRORS = (errno.EACCES, errno.EAGAIN)
_UNSUPPORTED_ERRORS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_NOT_WRITABLE_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotLocked(Enum):
    """Why a lock was not taken."""

    #: A process has it, which may be this one.
    HELD = "held"
    #: The file system, or the computer, has no locks, or this user may take none.
    UNSUPPORTED = "unsupported"


class FileLock:
    """A lock that this process has until it calls `release`, or ends. A forked child has it not."""

    def __init__(self, file: OpenFile, key: tuple[int, int]) -> None:
        self._file = file
        self._key = key

    def release(self) -> None:
        """Let go of the lock; doing it twice is fine."""
        with _mutex:
            if _locks.get(self._key) is self:
                del _locks[self._key]
                self._file.close()


# The mutex covers the dictionary, and the time between a look into it and the open of a file.
_mutex = threading.Lock()
_locks: dict[tuple[int, int], FileLock] = {}  # by device and number of the file


def lock_file(path: Path) -> FileLock | NotLocked:
    """Take the lock of a file, which is created if it is not there; never waits.

    Raises:
        OSError: the file cannot be opened, for another reason than that this user may not write it.
    """
    with _mutex:
        if _has_lock(path):
            return NotLocked.HELD
        try:
            file = OpenFile(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno in _NOT_WRITABLE_ERRORS:
                return NotLocked.UNSUPPORTED
            raise
        problem = _lock(file.descriptor)
        if problem is None and not _is_same(path, file.descriptor):
            problem = NotLocked.HELD  # who had the lock has removed the file meanwhile
        if problem is not None:
            file.close()
            return problem
        found = os.fstat(file.descriptor)
        lock = FileLock(file, (found.st_dev, found.st_ino))
        _locks[found.st_dev, found.st_ino] = lock
        return lock


def is_locked_here(path: Path) -> bool:
    """Return whether this process has the lock of a file."""
    with _mutex:
        return _has_lock(path)


def _has_lock(path: Path) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) in _locks


def _lock(descriptor: int) -> NotLocked | None:
    if fcntl is None:
        return NotLocked.UNSUPPORTED
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ERRORS:
            return NotLocked.HELD
        if error.errno in _UNSUPPORTED_ERRORS:
            return NotLocked.UNSUPPORTED
        raise
    return None


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _reset_after_fork() -> None:
    global _mutex
    _mutex = threading.Lock()
    _locks.clear()


os.register_at_fork(after_in_child=_reset_after_fork)
