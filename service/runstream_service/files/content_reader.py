"""Reads the contents of files, and finds those that the storage has lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import NamedTuple

from runstream.errors import DataLoss, Unavailable
from runstream_service.access.caller import Caller
from runstream_service.access.recheck import Recheck
from runstream_service.catalog import artifacts, blobs
from runstream_service.catalog.artifact_owners import readable_owner
from runstream_service.engine.readers import Readers
from runstream_service.files.storage import ContentMissingError, Storage

log = logging.getLogger(__name__)

# Contents whose loss is logged, each once.
_MAX_LOGGED = 1_000


class OpenFile(NamedTuple):
    """A file, and the chunks of a part of its content."""

    file: artifacts.Entry
    chunks: AsyncGenerator[bytes, None]


class ContentReader:
    """Reads from the storage what the database says that files have.

    Attributes:
        sent: bytes that were read, to be sent.
    """

    def __init__(self, readers: Readers, storage: Storage) -> None:
        self._readers, self._storage = readers, storage
        self.sent = 0
        self._missing: set[str] = set()  # the names of contents whose loss was logged

    async def open(
        self,
        caller: Caller,
        run_id: str,
        path: str,
        part: Callable[[artifacts.Entry], tuple[int, int]],
    ) -> OpenFile:
        """Return a file and a part of its content, which belongs to it and is whole.

        Args:
            caller: who reads it.
            run_id: the run.
            path: path of the file.
            part: returns where the part begins and ends.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: as `artifacts.content`.
            DataLoss: the file has lost its content.
            Unavailable: the storage failed.
        """
        before = ""
        while True:
            file, name = await self._readers.quick(artifacts.content, caller, run_id, path)
            chunks = self._read(caller, run_id, name, *part(file))
            try:
                first = await anext(chunks, b"")
            except (Unavailable, ContentMissingError) as error:
                if name == before:
                    if isinstance(error, Unavailable):
                        raise
                    raise self._lost_error(run_id, path, name, error) from None
                before = name  # the file may have been replaced, and its content deleted
            else:
                return OpenFile(file, _prepend(first, chunks))

    def _lost_error(
        self, run_id: str, path: str, name: str, error: ContentMissingError
    ) -> DataLoss:
        owner = "logged model" if run_id.startswith("m-") else "run"
        lost = (path, owner, run_id, self._storage, error)
        if name not in self._missing and len(self._missing) < _MAX_LOGGED:
            self._missing.add(name)
            log.error(
                "the content of artifact %r of %s %s is missing in the artifact root %s: %s", *lost
            )
        return DataLoss(
            f"the content of artifact {path!r} of {owner} {run_id} is missing in the artifact root "
            f"{self._storage}: {error}. It was removed there, or the server that took it has "
            "another --artifact-root",
            reason="ARTIFACT_CONTENT_MISSING",
            run_id=run_id,
            path=path,
            artifact_root=str(self._storage),
        )

    async def _read(
        self, caller: Caller, run_id: str, name: str, start: int, end: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield a part of a content in chunks; the next chunks are read while one is sent."""
        recheck = Recheck(caller)
        async with aclosing(self._storage.read(name, start, end)) as parts:  # type: ignore[type-var]
            reading = asyncio.ensure_future(anext(parts, None))
            try:
                while chunks := await reading:
                    reading = asyncio.ensure_future(anext(parts, None))
                    for chunk in chunks:
                        if recheck.is_due():
                            await self._readers.quick(readable_owner, caller, run_id)
                        self.sent += len(chunk)
                        yield chunk
            finally:
                await asyncio.wait((reading,))

    async def warn_if_elsewhere(self) -> None:
        """Log that the storage lacks the content that was stored last, if it does.

        It is another one then than the database was used with, or than other servers have.
        """
        with suppress(Unavailable):  # whoever reads or writes a file is told
            name = await self._readers.quick(blobs.newest_name)
            if name is not None and not await self._has(name):
                log.warning(
                    "artifacts are in %s, which lacks the newest content of this database: give "
                    "all its servers the --artifact-root that it was used with",
                    self._storage,
                )

    async def _has(self, name: str) -> bool:
        try:
            async with aclosing(self._storage.read(name, 0, 1)) as chunks:  # type: ignore[type-var] # generators
                await anext(chunks)
        except ContentMissingError:
            return False
        return True


async def _prepend(
    first: bytes, chunks: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        if first:
            yield first
        try:
            async for chunk in chunks:
                yield chunk
        except ContentMissingError as error:  # a caller who comes again learns whether it is lost
            raise Unavailable(
                f"the content was replaced or removed while it was read: {error}",
                reason="STORAGE",
            ) from None
