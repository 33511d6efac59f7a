"""The file `refused.log` of a folder: what the server refused."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from google.protobuf.message import DecodeError

from runstream.errors import RunstreamError
from runstream.spool.frames import make_header
from runstream.spool.log_reader import FrameFile
from runstream.spool.log_writer import write_frame
from runstream.spool.open_file import OpenFile
from runstream.v1.logging_service_pb2 import BatchError
from runstream.v1.spool_pb2 import SpoolRefusal, SpoolTask


def append_refusal(path: Path, error: BatchError, refused: bytes | SpoolTask) -> None:
    """Keep what the server refused, and why. The process has `delivery.lock`.

    Raises:
        OSError: it cannot be written.
    """
    refusal = SpoolRefusal(error=error, time=time.time_ns() // 1_000_000)
    if isinstance(refused, bytes):
        refusal.batch = refused
    else:
        refusal.task.CopyFrom(refused)
    payload = refusal.SerializeToString()
    file = OpenFile(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    size = os.fstat(file.descriptor).st_size
    try:
        write_frame(file, make_header(payload), payload)
    except OSError:
        os.ftruncate(file.descriptor, size)
        raise
    finally:
        file.close()


def read_refusals(path: Path) -> Iterator[SpoolRefusal]:
    """Yield what the server refused; nothing if there is no such file.

    Raises:
        OSError: it cannot be read.
    """
    try:
        file = FrameFile(path)
    except FileNotFoundError:
        return
    try:
        while (payload := file.next()) is not None:
            if isinstance(payload, bytes):
                with suppress(DecodeError):
                    yield SpoolRefusal.FromString(payload)
    finally:
        file.close()


def to_batch_error(error: RunstreamError) -> BatchError:
    """Return the message of an error, as the server sends it for a batch."""
    return BatchError(
        code=error.code.value[0],
        message=error.message,
        reason=error.reason,
        metadata=error.metadata,
    )
