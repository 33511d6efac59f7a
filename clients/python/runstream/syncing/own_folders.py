"""Folders that a process delivers without being asked for them: those of its own user."""

from __future__ import annotations

import logging
import stat

from runstream.files.own_files import ForeignFileError, check_own
from runstream.spool.folder import SpoolFolder

log = logging.getLogger("runstream")

_warned: set[str] = set()


def is_own_folder(folder: SpoolFolder) -> bool:
    """Return whether a folder is no link and belongs to this user; if not, it is warned of once.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        return check_own(folder.path, stat.S_IFDIR)
    except ForeignFileError as error:
        warn_once(folder, error)
        return False


def warn_once(folder: SpoolFolder, error: Exception) -> None:
    """Log why a folder is not delivered, once in a process."""
    if str(folder) not in _warned:
        _warned.add(str(folder))
        log.warning("%s is not delivered: %s", folder, error or type(error).__name__)
