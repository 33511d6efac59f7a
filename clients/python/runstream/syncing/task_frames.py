"""The tasks of a folder, as frames that may be damaged."""

from __future__ import annotations

from collections import Counter

from google.protobuf.message import DecodeError

from runstream.spool.folder import SpoolFolder
from runstream.spool.frames import HEADER_BYTES
from runstream.spool.log_files import Place
from runstream.spool.log_reader import Damage, Frame, LogReader
from runstream.v1.spool_pb2 import SpoolTask


def parse_task(frame: Frame) -> SpoolTask | Damage:
    """Return the task of a frame, or its bytes as damage if there is none in it."""
    try:
        return SpoolTask.FromString(frame.payload)
    except DecodeError:
        size = HEADER_BYTES + len(frame.payload)
        return Damage(Place(frame.end.file, frame.end.offset - size), size)


def count_contents(folder: SpoolFolder, start: Place) -> Counter[str]:
    """Return how many tasks from a place on need each content that may go once they are done.

    None may go if any task is damaged, because that one may need it.

    Raises:
        OSError: a file cannot be read.
    """
    damages: list[Damage] = []
    count = Counter[str]()
    reader = LogReader(folder.tasks, start, damages.append)
    try:
        while (frame := reader.next(may_grow=False)) is not None:
            task = parse_task(frame)
            if isinstance(task, Damage):
                damages.append(task)
            else:
                count[task.upload.file] += 1
    finally:
        reader.close()
    is_damaged = any(not damage.is_cut for damage in damages)
    return Counter() if is_damaged or any(folder.damaged.glob("tasks-*")) else count
