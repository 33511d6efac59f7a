"""Folders of a spool that were being made, or removed, when their process was killed."""

from __future__ import annotations

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path

from runstream.spool.contents import has_only_own
from runstream.spool.file_locks import FileLock
from runstream.spool.folder import SpoolFolder

# Seconds after which a folder whose name begins with a dot is nobody's: it has such a name for
# milliseconds, unless its process is killed then.
_DRAFT_SECONDS = 3_600.0

# Names that `create_folder` and `SpoolFolder.remove` give, and no other program.
_NAME = re.compile(r"\.[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}-\d+-[0-9a-f]{8}(\.removed)*")


def remove_drafts(spool: Path) -> None:
    """Remove what killed processes were making or removing an hour ago, or earlier.

    Nothing is in such a folder that no server has. A spool may be any folder, that of a user's
    settings, too: what may be somebody else's stays.
    """
    try:
        names = os.listdir(spool)
    except OSError:
        return
    for name in names:
        if _NAME.fullmatch(name):
            with suppress(OSError):
                _remove_draft(SpoolFolder(spool / name))


def _remove_draft(folder: SpoolFolder) -> None:
    found = os.lstat(folder.path)
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    is_old = time.time() - found.st_mtime > _DRAFT_SECONDS
    if not (is_ours and is_old and has_only_own(folder.path)):
        return
    lock = folder.lock_writer()
    if isinstance(lock, FileLock):
        try:
            folder.remove()
        finally:
            lock.release()
