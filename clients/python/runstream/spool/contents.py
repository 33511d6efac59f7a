"""What a folder of a spool has, so that nothing else is ever taken for one, followed or removed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

_LOG = re.compile(r"\d{8}\.log|cursor")
_ANY = re.compile(r".+", re.DOTALL)

# Names of files, and for each name of a folder the names of the files that it has.
_FILES = frozenset({"spool.json", "writer.lock", "delivery.lock", "refused.log"})
_FOLDERS = {"batches": _LOG, "tasks": _LOG, "files": _ANY, "damaged": _ANY}


def has_only_own(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder has nothing but what a folder of a spool has.

    Raises:
        OSError: it cannot be looked at.
    """
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        return False
    for above, name, mode in _walk(folder):
        if above:
            pattern = _FOLDERS.get(above)
            is_own = pattern is not None and pattern.fullmatch(name) and stat.S_ISREG(mode)
        else:
            is_own = stat.S_ISREG(mode) if name in _FILES else name in _FOLDERS
        if not is_own:
            return False
    return True


def _walk(folder: str | os.PathLike[str]) -> Iterator[tuple[str, str, int]]:
    """Yield what is in a folder and one level below it: name of the level, name, mode."""
    with os.scandir(folder) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            yield "", entry.name, mode
            if entry.name in _FOLDERS:
                if not stat.S_ISDIR(mode):
                    yield entry.name, "", mode  # no such name is known
                    continue
                with os.scandir(entry.path) as below:
                    for file in below:
                        yield entry.name, file.name, file.stat(follow_symlinks=False).st_mode
