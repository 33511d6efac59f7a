"""Copies of what is to be uploaded later, so that nobody changes it meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runstream.errors import FailedPrecondition
from runstream.files.regular_files import open_regular_file

# Bytes that the system copies at once; an interrupt comes in between.
_COPY_BYTES = 64 * 1024 * 1024

# Errors by which a file system says that it cannot copy by itself.
_CANNOT_COPY = (errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF)


class CopyTargetError(Exception):
    """The copy cannot be written; what is copied is all right."""


def copy_file(source: str | os.PathLike[str], target: Path) -> int:
    """Copy the content of a file to a new file, and return its bytes.

    A file system that can do so shares the blocks of both until one of them is written. A hard link
    would share the file itself, and with it what is written there later.

    Raises:
        InvalidArgument: it is no regular file.
        FailedPrecondition: it changed meanwhile.
        CopyTargetError: the copy cannot be written.
        OSError: it cannot be read.
    """
    with open_regular_file(source) as file, _new_file(target) as copy:
        before = os.fstat(file.fileno())
        size = _copy(file, copy)
        after = os.fstat(file.fileno())
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, size):
            raise FailedPrecondition(
                f"{file.name} changed while it was copied",
                reason="FILE_CHANGED",
                field="local_path",
                value=file.name,
            )
    return size


def move_file(source: str | os.PathLike[str], target: Path) -> int:
    """Give a file of ours, which nobody writes to any more, another name, and return its bytes.

    It keeps its old name, too. Where that cannot be, it is copied, and so is what a link leads to;
    raises as `copy_file`.
    """
    if os.path.islink(source):
        return copy_file(source, target)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return copy_file(source, target)
    return target.stat().st_size


def write_content(content: bytes, target: Path) -> int:
    """Write a new file, and return its bytes; raises CopyTargetError."""
    with _new_file(target) as copy:
        _write(copy, content)
    return len(content)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)
    except OSError as error:
        raise CopyTargetError(str(error)) from error
    with file:
        yield file


def _copy(source: BinaryIO, target: BinaryIO) -> int:
    size = 0
    if hasattr(os, "copy_file_range"):
        try:
            while count := os.copy_file_range(source.fileno(), target.fileno(), _COPY_BYTES):
                size += count
        except OSError as error:
            if error.errno not in _CANNOT_COPY or size:
                raise CopyTargetError(str(error)) from error
    if not size:  # some file systems, as that of /proc, copy nothing and say no more
        while data := source.read(1024 * 1024):
            _write(target, data)
            size += len(data)
    return size


def _write(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise CopyTargetError(str(error)) from error
