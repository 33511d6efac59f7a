"""Which stages of runs and experiments a search is about."""

from __future__ import annotations

from enum import IntEnum


class ViewType(IntEnum):
    """Which runs or experiments a search is about, by their stage."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3
