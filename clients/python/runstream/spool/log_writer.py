"""Appends frames to the files of a log."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from runstream.spool import frames
from runstream.spool.log_files import FILE_BYTES, START, Place, file_path, list_files
from runstream.spool.open_file import OpenFile

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class LogWriter:
    """The one writer of a log; its process has the `writer.lock` of the folder.

    One thread at a time may use it. A frame that was appended survives the process, however it
    ends; what `sync` returned after survives the machine.

    Attributes:
        end: where the next frame is appended.
    """

    def __init__(self, folder: Path, is_synced: bool = False) -> None:
        """Write to a folder, which is made if it is not there, behind the files that it has.

        Args:
            folder: the folder.
            is_synced: whether `sync` will be called, so that no file may be left unsynced.

        Raises:
            OSError: the folder cannot be made.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._is_synced = is_synced
        files = list_files(folder)
        self.end = Place(files[-1] + 1, 0) if files else START
        self._file: OpenFile | None = None

    def append(self, payload: bytes) -> Place:
        """Append a frame by one write, and return the place behind it.

        If that fails, the file is as it was before, and the next call tries again.

        Raises:
            OSError: it cannot be written, or somebody has removed the folder.
            ValueError: the payload is empty or longer than a frame may be.
        """
        header = frames.make_header(payload)
        file = self._file
        if file is None or self.end.offset >= FILE_BYTES:
            file = self._begin_file()
        try:
            write_frame(file, header, payload)
        except OSError:
            self._cut(file)
            raise
        self.end = Place(self.end.file, self.end.offset + len(header) + len(payload))
        return self.end

    def sync(self) -> None:
        """Let what was appended survive a crash of the machine.

        Raises:
            OSError: it cannot be written.
        """
        file = self._file
        if file is None:
            return
        try:
            os.fdatasync(file.descriptor)
        except OSError:
            if file.descriptor >= 0:  # else another thread has closed it meanwhile
                raise

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_file(self) -> OpenFile:
        if self._file is not None:
            if self._is_synced:
                self.sync()
            self.close()
            self.end = Place(self.end.file + 1, 0)
        file = self._file = OpenFile(file_path(self._folder, self.end.file), _FLAGS)
        if self._is_synced:
            sync_folder(self._folder)
        return file

    def _cut(self, file: OpenFile) -> None:
        """Remove what a write has left of its frame."""
        try:
            os.ftruncate(file.descriptor, self.end.offset)
        except OSError:
            # Readers pass over the rest of a file once there is another one behind it.
            with suppress(OSError):
                self.close()
            self.end = Place(self.end.file + 1, 0)


def write_frame(file: OpenFile, header: bytes, payload: bytes) -> None:
    """Write a frame by one call, without a copy that joins its parts.

    Raises:
        OSError: it cannot be written, or only in part, or somebody has removed the file.
    """
    written = os.writev(file.descriptor, (header, payload))
    if written < len(header) + len(payload):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if not os.fstat(file.descriptor).st_nlink:
        raise OSError(errno.ENOENT, "the folder was removed")


def sync_folder(folder: Path) -> None:
    """Let the names of a folder survive a crash of the machine.

    Raises:
        OSError: they cannot be written.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
