"""A file or a folder among the artifacts of a run."""

from __future__ import annotations

from typing import NamedTuple

from runstream.v1 import artifact_pb2


class FileInfo(NamedTuple):
    """A file or a folder among the artifacts of a run.

    Attributes:
        path: relative to the artifacts of the run.
        is_dir: whether it is a folder.
        file_size: bytes of a file; None for a folder.
        sha256: of a file's content, 64 hexadecimal digits; empty for a folder.
        upload_time: milliseconds since the epoch; 0 for a folder.
    """

    path: str
    is_dir: bool
    file_size: int | None
    sha256: str
    upload_time: int

    @classmethod
    def from_proto(cls, message: artifact_pb2.FileInfo) -> FileInfo:
        """Convert the message of the contract."""
        size = message.file_size if message.HasField("file_size") else None
        return cls(message.path, message.is_dir, size, message.sha256, message.upload_time)
