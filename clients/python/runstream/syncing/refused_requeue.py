"""Puts what a server refused of a folder back among what is to be delivered."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from google.protobuf.message import DecodeError

from runstream.spool.file_locks import FileLock
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_reader import FrameFile
from runstream.spool.log_writer import LogWriter
from runstream.v1.spool_pb2 import SpoolRefusal


def requeue_refused(folder: SpoolFolder) -> bool:
    """Put what was refused behind what is to be delivered, if nobody writes to the folder any more.

    Return whether it is there now. The process has `delivery.lock`.

    An interrupt between two steps leaves something in both places, which is harmless: what is sent
    again changes nothing. What cannot be read is kept in `damaged`.

    Raises:
        OSError: a file cannot be read or written.
    """
    if not folder.refused.exists():
        return False
    writer_lock = folder.lock_writer()
    if not isinstance(writer_lock, FileLock):
        return False
    try:
        if _append_to_logs(folder):
            folder.refused.unlink()
        else:
            folder.damaged.mkdir(mode=0o700, exist_ok=True)
            os.replace(folder.refused, _free_path(folder.damaged))
    finally:
        writer_lock.release()
    return True


def _append_to_logs(folder: SpoolFolder) -> bool:
    """Append batches and tasks to their logs; return whether all of the file could be read."""
    is_whole = True
    writers: dict[Path, LogWriter] = {}
    file = FrameFile(folder.refused)
    try:
        while (frame := file.next()) is not None:
            refusal = _parse(frame) if isinstance(frame, bytes) else None
            if refusal is None:
                is_whole = False
                continue
            is_batch = refusal.WhichOneof("refused") == "batch"
            log = folder.batches if is_batch else folder.tasks
            if log not in writers:
                writers[log] = LogWriter(log, is_synced=True)
            writers[log].append(refusal.batch if is_batch else refusal.task.SerializeToString())
        for writer in writers.values():
            writer.sync()  # before the other copy goes
    finally:
        file.close()
        for writer in writers.values():
            writer.close()
    return is_whole


def _free_path(damaged: Path) -> Path:
    """Return a path for a file that is set aside whole, beside earlier ones."""
    paths = (damaged / f"refused-{number:08}-{0:010}" for number in itertools.count())
    return next(path for path in paths if not path.exists())


def _parse(frame: bytes) -> SpoolRefusal | None:
    try:
        refusal = SpoolRefusal.FromString(frame)
    except DecodeError:
        return None
    return refusal if refusal.batch or refusal.task.ByteSize() else None
