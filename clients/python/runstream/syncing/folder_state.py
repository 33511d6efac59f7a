"""Whether the writer of a folder may be alive, and how much of the folder is left."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from runstream.spool import log_files
from runstream.spool.file_locks import FileLock
from runstream.spool.folder import SpoolFolder
from runstream.spool.frames import HEADER_BYTES
from runstream.spool.log_files import START, Place
from runstream.spool.log_reader import LogReader
from runstream.syncing.results import FolderResult

#: Seconds without a write after which the folder of another machine counts as one that nobody
#: writes to any more: a lock does not reach over machines, and a copy has none.
QUIET_SECONDS = 3_600.0


def may_be_live(folder: SpoolFolder) -> bool:
    """Return whether something may still be written to a folder.

    Raises:
        OSError: it cannot be read.
        ValueError: it does not say what it is.
    """
    lock = folder.lock_writer()
    if not isinstance(lock, FileLock):
        return True
    lock.release()  # a writer that is gone does not come back
    if folder.read_info().host == socket.gethostname():
        return False
    files = log_files.list_files(folder.batches)
    last = log_files.file_path(folder.batches, files[-1]) if files else folder.path
    return time.time() - last.stat().st_mtime < QUIET_SECONDS


def find_end(log: Path) -> Place:
    """Return where a log ends now, which may be in the middle of a frame that is being written.

    Raises:
        OSError: it cannot be read.
    """
    files = log_files.list_files(log)
    if not files:
        return START
    return Place(files[-1], os.lstat(log_files.file_path(log, files[-1])).st_size)


def count_frames(log: Path, start: Place, end: Place | None = None) -> tuple[int, int]:
    """Return how many frames a log has, and their bytes.

    Args:
        log: folder of the log.
        start: where to begin.
        end: where to stop; its end if None, where bytes that are no frame are passed over.

    Raises:
        OSError: it cannot be read.
    """
    reader, count, size = LogReader(log, start), 0, 0
    try:
        while (frame := reader.next(may_grow=end is not None)) is not None:
            if end is not None and frame.end > end:
                break
            count += 1
            size += HEADER_BYTES + len(frame.payload)
    finally:
        reader.close()
    return count, size


def has_frame(log: Path, start: Place) -> bool:
    """Return whether there is a frame from a place on.

    Raises:
        OSError: it cannot be read.
    """
    reader = LogReader(log, start)
    try:
        return reader.next(may_grow=False) is not None
    finally:
        reader.close()


def count_left(
    folder: SpoolFolder,
    result: FolderResult,
    places: Mapping[str, Place],
    ends: Mapping[str, Place] | None = None,
) -> None:
    """Count what of a folder is not delivered.

    Args:
        folder: the folder.
        result: where to count.
        places: up to where each log is delivered.
        ends: up to where to count; all that is there, if left out.
    """
    batches, tasks = places["batches"], places["tasks"]
    if ends is None:
        result.bytes_left = log_files.count_bytes(folder.batches, batches)
        result.files_left, _ = count_frames(folder.tasks, tasks)
    else:
        _, result.bytes_left = count_frames(folder.batches, batches, ends["batches"])
        result.files_left, _ = count_frames(folder.tasks, tasks, ends["tasks"])
