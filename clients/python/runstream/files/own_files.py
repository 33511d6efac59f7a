"""Files that are used only if no other user can have put them there.

A database may lie in a folder into which others write, and another user of the machine may have put
a file of his own in the place of one of ours, a link to a file that he wants to be changed, or a
named pipe that nobody ever reads. Files beside a database are therefore opened by these functions:
they follow no link, never block, and refuse a file of another kind or of another owner. Files that
they create are readable by their owner alone.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

_ADDRESS_CHARACTERS = 4_096

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class ForeignFileError(PermissionError):
    """A file is of another kind than it should be, or belongs to another user."""


def open_own(path: str | os.PathLike[str], flags: int) -> int:
    """Return the descriptor of a file; with `O_CREAT` it is created if it does not exist.

    Raises:
        ForeignFileError: it is no regular file, or belongs to another user.
        OSError: it cannot be opened.
    """
    check_own(path)
    # Between the check and this line another file may have taken its place.
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        _check(path, os.fstat(descriptor), stat.S_IFREG)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_own(path: str | os.PathLike[str], kind: int = stat.S_IFREG) -> bool:
    """Return whether a path exists.

    Args:
        path: its path; a link at its end is not followed.
        kind: what it has to be: `S_IFREG`, `S_IFDIR`, `S_IFLNK` or `S_IFSOCK` of `stat`.

    Raises:
        ForeignFileError: it is of another kind, or belongs to another user.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    _check(path, found, kind)
    return True


def open_lock(path: str | os.PathLike[str]) -> int:
    """Return the descriptor of a lock file, which nobody else can open; raises as `open_own`."""
    descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    os.fchmod(descriptor, 0o600)  # it may have been created with another mode
    return descriptor


def read_address(path: str | os.PathLike[str]) -> str:
    """Return the address in a file; raises as `open_own`."""
    with open(open_own(path, os.O_RDONLY), encoding="utf-8", errors="replace") as file:
        return file.read(_ADDRESS_CHARACTERS).strip()


def make_own_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder, and those above it, that only this user may enter, if it does not exist.

    Raises:
        ForeignFileError: it exists and is no folder, or belongs to another user.
        OSError: it cannot be made.
    """
    if not check_own(path, stat.S_IFDIR):
        if not os.path.isdir(above := os.path.dirname(path)):
            make_own_folder(above)
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        check_own(path, stat.S_IFDIR)


def _check(path: str | os.PathLike[str], found: os.stat_result, kind: int) -> None:
    name = os.fspath(path)
    if stat.S_IFMT(found.st_mode) != kind:
        there = _KINDS.get(stat.S_IFMT(found.st_mode), "of an unknown kind")
        raise ForeignFileError(f"{name} is {there}, and not {_KINDS[kind]}")
    if not _is_trusted(name, found.st_uid):
        raise ForeignFileError(
            f"{name} belongs to another user (uid {found.st_uid}); "
            "remove it, or use a folder into which nobody else writes"
        )


def _is_trusted(path: str, owner: int) -> bool:
    """Return whether this user may use a file of that owner."""
    user = os.geteuid()
    if owner in (user, 0):
        return True
    # Root in a container serves the files of the user to whom the folder belongs.
    folder = os.stat(os.path.dirname(path) or ".")
    return user == 0 and owner == folder.st_uid and not folder.st_mode & 0o022
