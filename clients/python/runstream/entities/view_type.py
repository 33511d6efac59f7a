"""The lifecycle stages of the runs or experiments that a search returns."""

from __future__ import annotations

from enum import IntEnum


class ViewType(IntEnum):
    """The lifecycle stages of the runs or experiments that a search returns."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3
