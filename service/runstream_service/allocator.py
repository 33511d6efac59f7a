"""Sets how the allocator of C treats large blocks."""

from __future__ import annotations

import ctypes

# The number of the setting, from <malloc.h> of glibc.
_M_MMAP_THRESHOLD = -3

# Bytes of a block that is a mapping of its own.
_LARGE = 1024 * 1024


def give_large_blocks_back() -> None:
    """Let every large block go back to the system as soon as it is free.

    glibc raises its threshold for large blocks with each large block that is freed, up to 32 MiB.
    It keeps blocks below the threshold for itself, so that a few large requests leave a hundred
    megabytes in use.
    Other C libraries have no such setting, and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
