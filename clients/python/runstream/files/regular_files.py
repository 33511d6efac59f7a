"""Opening regular files, and no others, to read them.

Opening a named pipe could wait for ever, and a device may have no end.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from runstream.errors import InvalidArgument

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file_size(path: str | os.PathLike[str]) -> int:
    """Return the bytes of a file.

    Raises:
        InvalidArgument: it is no regular file.
        OSError: there is none.
    """
    return _check_regular(path, os.stat(path)).st_size


def open_regular_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to read its bytes; raises as `regular_file_size`."""
    regular_file_size(path)
    file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 # it is the caller's to close
    try:
        _check_regular(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def _open_nonblocking(path: str, flags: int) -> int:
    # Should a pipe have taken the place of the file meanwhile, this does not wait for its writer.
    return os.open(path, flags | os.O_NONBLOCK)


def _check_regular(path: str | os.PathLike[str], status: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise InvalidArgument(
            f"{os.fspath(path)} is {kind}, and not a regular file",
            reason="FILE_NOT_REGULAR",
            field="local_path",
            value=os.fspath(path),
            limit="a regular file",
        )
    return status
