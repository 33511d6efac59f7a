"""Transfers of one file to or from the server, in chunks.

A transfer that breaks off goes on where it stopped. Both ends check the SHA-256 of the whole
content, and a file appears in its place only when it is complete.
"""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from runstream import entities
from runstream.contract.messages import new_message
from runstream.errors import FailedPrecondition, Internal, NotFound, RunstreamError, Unavailable
from runstream.files.regular_files import open_regular_file
from runstream.transport.call_limit import limit_calls, limit_retries
from runstream.transport.connection import Connection
from runstream.v1 import artifact_service_pb2 as pb

#: Bytes of a chunk.
CHUNK_BYTES = 1024 * 1024

#: Attempts in a row that move nothing, after which a transfer is given up.
MAX_ATTEMPTS_WITHOUT_PROGRESS = 5

# Seconds before the next attempt.
_PAUSE = 0.2

#: Called with the number of bytes that were moved.
Progress = Callable[[int], object]


class Upload:
    """The upload of one open file."""

    def __init__(
        self,
        run_id: str,
        path: str,
        file: BinaryIO,
        progress: Progress = lambda _: None,
        patience: float = math.inf,
    ) -> None:
        """Make an upload.

        Args:
            run_id: the run or the model.
            path: where it goes.
            file: the file.
            progress: called with the bytes that were sent.
            patience: seconds that it waits for a server that is away, if fewer than a call does.
        """
        self._run_id = run_id
        self._path = path
        self._file = file
        self._progress = progress
        self._patience = patience
        self._reported = 0  # bytes that `progress` was called with
        self._upload_id = secrets.token_hex(16)
        self._sha256 = ""  # of the whole content, once the last chunk was sent
        self._read_error: BaseException | None = None

    def run(self, connection: Connection) -> entities.FileInfo:
        """Upload the file and return what the server stored.

        Raises:
            RunstreamError: the server refused it or cannot be reached.
            FailedPrecondition: the file changed meanwhile.
            OSError: it cannot be read.
        """
        offset, attempts_without_progress = 0, 0
        while True:
            try:
                answer = connection.send_stream(
                    lambda stubs: stubs.artifacts.UploadArtifact, self._requests(offset)
                )
                return entities.FileInfo.from_proto(answer.file)
            except RunstreamError as error:
                if self._read_error is not None:
                    raise self._read_error from None
                if not _is_resumable(error):
                    raise
                if self._sha256 and (stored := self._find_stored_file(connection)):
                    return stored
                question = pb.GetUploadRequest(
                    run_id=self._run_id, path=self._path, upload_id=self._upload_id
                )
                with limit_retries(self._patience), limit_calls(self._patience):
                    answered = connection.call(lambda stubs: stubs.artifacts.GetUpload, question)
                there = answered.offset
                attempts_without_progress = 0 if there > offset else attempts_without_progress + 1
                if attempts_without_progress == MAX_ATTEMPTS_WITHOUT_PROGRESS:
                    raise
                offset = there
                pause = max(_PAUSE, error.retry_delay)
            time.sleep(pause)

    def _find_stored_file(self, connection: Connection) -> entities.FileInfo | None:
        """Return the file that the server has, if it is this one: then only its answer was lost."""
        question = new_message(pb.GetArtifactRequest, run_id=self._run_id, path=self._path)
        try:
            with limit_retries(self._patience), limit_calls(self._patience):
                there = connection.call(lambda stubs: stubs.artifacts.GetArtifact, question).file
        except NotFound:
            return None
        return entities.FileInfo.from_proto(there) if there.sha256 == self._sha256 else None

    def _requests(self, offset: int) -> Iterator[pb.UploadArtifactRequest]:
        # gRPC runs this on a thread of its own, where an error would be logged and lost. A stream
        # that ends without its `end` is refused, and leaves nothing.
        try:
            yield from self._read_requests(offset)
        except (OSError, RunstreamError) as error:
            self._read_error = error

    def _read_requests(self, offset: int) -> Iterator[pb.UploadArtifactRequest]:
        before = os.fstat(self._file.fileno())
        start = new_message(
            pb.UploadStart,
            run_id=self._run_id,
            path=self._path,
            upload_id=self._upload_id,
            offset=offset,
            size=before.st_size,
        )
        yield pb.UploadArtifactRequest(start=start)
        digest = sha256()
        self._file.seek(0)
        position = 0
        while chunk := self._file.read(_next_chunk_size(position, offset)):
            digest.update(chunk)
            position += len(chunk)
            if position > offset:
                yield pb.UploadArtifactRequest(chunk=chunk)
                self._progress(max(0, position - self._reported))
                self._reported = max(self._reported, position)
        after = os.fstat(self._file.fileno())
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, position):
            raise FailedPrecondition(
                f"{self._file.name} changed while it was uploaded",
                reason="FILE_CHANGED",
                field="local_path",
                value=self._file.name,
            )
        self._sha256 = digest.hexdigest()
        yield pb.UploadArtifactRequest(end=pb.UploadEnd(sha256=self._sha256))


def upload_file(
    connection: Connection,
    run_id: str,
    path: str,
    source: str | os.PathLike[str],
    progress: Progress = lambda _: None,
    patience: float = math.inf,
) -> entities.FileInfo:
    """Upload a file from disk; raises as `Upload.run`, and InvalidArgument if it is not regular."""
    with open_regular_file(source) as file:
        return Upload(run_id, path, file, progress, patience).run(connection)


def download_file(
    connection: Connection,
    run_id: str,
    path: str,
    destination: Path,
    progress: Progress = lambda _: None,
) -> None:
    """Download a file to a path, where it appears once it is complete and its SHA-256 is right.

    Raises:
        RunstreamError: the server refused it or cannot be reached.
        OSError: it cannot be written.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    draft = destination.with_name(f"{destination.name[:200]}.{secrets.token_hex(16)}.part")
    try:
        with draft.open("xb") as file:
            _download_to(connection, run_id, path, file, progress)
        draft.replace(destination)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _download_to(
    connection: Connection, run_id: str, path: str, file: BinaryIO, progress: Progress
) -> None:
    digest: Any = sha256()
    known, position, attempts_without_progress = None, 0, 0
    while True:
        before = position
        request = new_message(pb.DownloadArtifactRequest, run_id=run_id, path=path, offset=position)
        try:
            for answer in connection.read_stream(
                lambda stubs: stubs.artifacts.DownloadArtifact, request
            ):
                if answer.HasField("file"):
                    if known is not None and answer.file.sha256 != known.sha256:
                        raise _replaced_error(path)
                    known = answer.file
                position += len(answer.chunk)
                if known is None or position > known.file_size:
                    raise _corrupt_error(path)
                file.write(answer.chunk)
                digest.update(answer.chunk)
                progress(len(answer.chunk))
        except Unavailable:
            attempts_without_progress = 0 if position > before else attempts_without_progress + 1
            if attempts_without_progress == MAX_ATTEMPTS_WITHOUT_PROGRESS:
                raise
            time.sleep(_PAUSE)
            continue
        break
    if known is None or (position, digest.hexdigest()) != (known.file_size, known.sha256):
        raise _corrupt_error(path)


def _next_chunk_size(position: int, offset: int) -> int:
    """Return how many bytes to read, so that one chunk ends at the offset of the server."""
    return min(CHUNK_BYTES, offset - position) if position < offset else CHUNK_BYTES


def _is_resumable(error: RunstreamError) -> bool:
    """Return whether an upload can go on after an error."""
    return (
        isinstance(error, Unavailable) or error.reason == "UPLOAD_OFFSET" or error.retry_delay > 0
    )


def _corrupt_error(path: str) -> Internal:
    return Internal(
        f"what came of {path} is not what the server has of it",
        reason="ARTIFACT_CORRUPT",
        field="path",
        value=path,
    )


def _replaced_error(path: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the artifact {path} was replaced while it was downloaded",
        reason="ARTIFACT_REPLACED",
        field="path",
        value=path,
    )
