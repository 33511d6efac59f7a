"""Where the spool is, how large it may become, and whether it is synced."""

from __future__ import annotations

import os
import re
from pathlib import Path

from runstream.errors import InvalidArgument

#: Bytes of a spool, unless RUNSTREAM_SPOOL_LIMIT says otherwise.
DEFAULT_LIMIT = 8 * 1024**3

#: Share of a disk that is never used.
FREE_SHARE = 0.05

_SPOOL, _LIMIT, _SYNC = "RUNSTREAM_SPOOL", "RUNSTREAM_SPOOL_LIMIT", "RUNSTREAM_SPOOL_SYNC"
_OFFLINE = "RUNSTREAM_OFFLINE"

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


def spool_path() -> Path:
    """Return the folder of the spool, which need not be there.

    Raises:
        FileNotFoundError: there is no variable that names it, and the user has no home.
    """
    if named := os.environ.get(_SPOOL):
        return Path(named).absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # by the specification of XDG it counts only then
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    if not os.path.isabs(state):
        raise FileNotFoundError(f"this user has no home folder: set {_SPOOL} to a folder")
    return Path(state, "runstream", "spool")


def is_spool_named() -> bool:
    """Return whether a variable names the spool, so that other programs may not know it."""
    return bool(os.environ.get(_SPOOL))


def limit_bytes() -> int:
    """Return how many bytes the spool may have; 0 if there is none.

    Raises:
        InvalidArgument: the variable is no size.
    """
    text = os.environ.get(_LIMIT, "").strip()
    if not text:
        return DEFAULT_LIMIT
    match = _SIZE.fullmatch(text)
    if match is None:
        raise _setting_error(_LIMIT, text, "bytes, or a size such as 8GiB or 500MB")
    number, unit, binary = match.groups()
    power = "kmgt".index(unit.lower()) + 1 if unit else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def is_synced() -> bool:
    """Return whether what is written has to survive a crash of the machine.

    Raises:
        InvalidArgument: the variable is no truth value.
    """
    return _is_true(_SYNC)


def is_offline() -> bool:
    """Return whether nothing is sent, whatever server is chosen.

    Raises:
        InvalidArgument: the variable is no truth value.
    """
    return _is_true(_OFFLINE)


def _is_true(name: str) -> bool:
    text = os.environ.get(name, "").strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise _setting_error(name, text, "1 or 0")
    return text in _TRUE


def has_free_space(path: Path, size: int = 0) -> bool:
    """Return whether a disk keeps `FREE_SHARE` of its space free when more is written to it.

    Args:
        path: a file or folder on the disk.
        size: how many bytes are written.

    Raises:
        OSError: it cannot be looked at.
    """
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize - size
    return free >= disk.f_blocks * disk.f_frsize * FREE_SHARE


def _setting_error(name: str, value: str, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"{name} is {value!r}: it must be {limit}",
        reason="SETTING_MALFORMED",
        field=name,
        value=value,
        limit=limit,
    )
