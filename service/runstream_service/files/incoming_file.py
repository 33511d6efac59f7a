"""A file whose content is being uploaded, from its first bytes until it is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from runstream.errors import InvalidArgument
from runstream_service.catalog import artifacts
from runstream_service.files.staging import Content, StagedUpload
from runstream_service.files.storage_limit import ComingFile


class IncomingFile:
    """A file whose content is being uploaded.

    Attributes:
        received: bytes that came.
        is_complete: whether all of the content is there.
        is_resumable: whether the bytes are to be kept if nothing more happens to them.
    """

    def __init__(
        self,
        path: str,
        coming: ComingFile,
        staged: StagedUpload,
        store: Callable[[StagedUpload, Content], Awaitable[artifacts.Entry]],
        is_resumable: bool,
    ) -> None:
        self._path = path
        self._coming = coming
        self._staged = staged
        self._store = store
        self.received = 0
        self.is_complete = False
        self.is_resumable = is_resumable

    async def write(self, chunk: bytes) -> None:
        """Append bytes to the content.

        Raises:
            ResourceExhausted: its uploader may not store so many.
            FailedPrecondition, Unavailable: as `StagedUpload.write`.
        """
        await self._coming.add(len(chunk))
        await self._staged.write(chunk)
        self.received += len(chunk)

    async def store(self, sha256: str = "") -> artifacts.Entry:
        """Store the file, now that its content is complete.

        Args:
            sha256: the digest that the sender names; empty if the sender names none.

        Raises:
            InvalidArgument: the content does not have the digest.
            NotFound, PermissionDenied, FailedPrecondition, ResourceExhausted: as `artifacts.store`.
            Unavailable: the storage failed.
        """
        content = await self._staged.end()
        self.is_complete = True
        if sha256 and sha256 != content.sha256:
            self.is_resumable = False
            raise _corrupt_error(self._path, content.sha256, sha256)
        file = await self._store(self._staged, content)
        self.is_resumable = False
        return file


def _corrupt_error(path: str, sha256: str, expected: str) -> InvalidArgument:
    return InvalidArgument(
        f"The content of {path!r} that arrived has SHA-256 {sha256}, and not {expected}",
        reason="ARTIFACT_CORRUPT",
        field="end.sha256",
        value=expected,
        limit=sha256,
    )
