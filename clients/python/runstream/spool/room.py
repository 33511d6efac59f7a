"""How much may be written to a spool: its limit, and the part of a disk that stays free."""

from __future__ import annotations

import errno
from pathlib import Path

from runstream.spool import settings
from runstream.spool.folder import list_folders

# Bytes that are written between two looks: a spool may have many folders.
_CHECK_BYTES = 16 * 1024 * 1024


def measure_room(spool: Path, limit: int, size: int) -> int:
    """Return how many bytes may be written before the next look.

    Args:
        spool: the spool.
        limit: bytes that it may have.
        size: how many are to be written now.

    Raises:
        OSError: there is no room for them, or it cannot be looked at.
    """
    if size > limit:  # which waiting does not change
        raise OSError(errno.EFBIG, f"{size} bytes are more than the spool's limit of {limit} bytes")
    used = sum(folder.count_bytes() for folder in list_folders(spool))
    if used + size > limit:
        raise OSError(errno.EDQUOT, f"the spool has its limit of {limit} bytes")
    if settings.has_free_space(spool, max(size, _CHECK_BYTES)):
        return max(size, min(_CHECK_BYTES, limit - used))
    if settings.has_free_space(spool, size):
        return size
    raise OSError(errno.ENOSPC, "the disk is nearly full")
