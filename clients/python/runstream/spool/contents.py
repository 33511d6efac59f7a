"""What a folder of a spool has, so that nothing else is ever taken for one, followed or removed."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress

_LOG = re.compile(r"\d{8}\.log|cursor")
_ANY = re.compile(r".+", re.DOTALL)

# Names of files, and for each name of a folder the names of the files that it has.
_FILES = frozenset({"spool.json", "writer.lock", "delivery.lock", "refused.log"})
_FOLDERS = {"batches": _LOG, "tasks": _LOG, "files": _ANY, "damaged": _ANY}


def check_contents(folder: str | os.PathLike[str]) -> None:
    """Find out whether what a folder of a spool has may be read, and written to.

    Raises:
        FileNotFoundError: it is gone.
        OSError: it is a link, or one of its names is a link or of another kind than it should be.
    """
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise OSError(errno.EINVAL, "it is a link or no folder", os.fspath(folder))
    for above, name, mode in _walk(folder):
        if not _is_right(above, name, mode) and (above or name in _FILES or name in _FOLDERS):
            path = os.path.join(folder, above, name)
            raise OSError(errno.EINVAL, "it is a link, or no file of a spool", path)


def has_only_own(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder has nothing but what a folder of a spool has.

    Raises:
        OSError: it cannot be looked at.
    """
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        return False
    return all(
        _is_right(above, name, mode) and _is_known(above, name)
        for above, name, mode in _walk(folder)
    )


def _is_right(above: str, name: str, mode: int) -> bool:
    """Return whether something is of its kind: a folder, or a regular file."""
    is_folder = not above and name in _FOLDERS
    return stat.S_ISDIR(mode) if is_folder else stat.S_ISREG(mode)


def _is_known(above: str, name: str) -> bool:
    return bool(_FOLDERS[above].fullmatch(name)) if above else name in _FILES or name in _FOLDERS


def _walk(folder: str | os.PathLike[str]) -> Iterator[tuple[str, str, int]]:
    """Yield what is in a folder, and in its folders: the name of that, its own, its mode."""
    for entry in _list(folder):
        with suppress(FileNotFoundError):  # a process that lives has removed it meanwhile
            mode = entry.stat(follow_symlinks=False).st_mode
            yield "", entry.name, mode
            if entry.name in _FOLDERS and stat.S_ISDIR(mode):
                for file in _list(entry.path):
                    with suppress(FileNotFoundError):
                        yield entry.name, file.name, file.stat(follow_symlinks=False).st_mode


def _list(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)
