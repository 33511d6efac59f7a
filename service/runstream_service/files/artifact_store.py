"""The artifact store: receives the contents of files, keeps each once and deletes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from runstream.errors import ResourceExhausted, Unavailable
from runstream_service.access.caller import Caller
from runstream_service.catalog import artifacts, blobs
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.content_reader import ContentReader
from runstream_service.files.incoming_file import IncomingFile
from runstream_service.files.staging import Content, StagedUpload, Staging
from runstream_service.files.storage import Storage
from runstream_service.files.storage_limit import ComingFile, StorageLimit

# Rows that one command of the writer deletes: a few milliseconds of its time.
_BATCH = 500


class ArtifactStore:
    """The contents of the files of all runs.

    A content is put into the storage under a new name, and the transaction that inserts the file
    decides whether that one is used or another that is there already. It is removed after the
    transaction that takes the last file away that had it. So a crash can leave a content that no
    file has, which `collect_orphans` removes, but never a file without content.

    Attributes:
        contents: reads the contents of files.
        received: bytes that came, of uploads that ended.
    """

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        storage: Storage,
        staging: Staging[Any],
        limit: int = 0,
    ) -> None:
        """Describe the store.

        Args:
            writer: writes which files there are.
            readers: read that.
            storage: has the contents.
            staging: has those that are not complete.
            limit: bytes that each caller may store; 0 for no limit.
        """
        self._limit = StorageLimit(readers, limit)
        self._writer = writer
        self._readers = readers
        self._storage = storage
        self._staging = staging
        staging.limit_caller(limit)
        self.contents = ContentReader(readers, storage)
        self.received = 0

    @asynccontextmanager
    async def receive(
        self,
        caller: Caller,
        run_id: str,
        path: str,
        upload_id: str = "",
        offset: int = 0,
        size: int = 0,
    ) -> AsyncIterator[IncomingFile]:
        """Receive a file: the block writes its chunks and then stores it.

        Once the block ends, the file is there as a whole, or not at all. The bytes of an upload
        that has an id are kept if the block fails, so that the upload can be continued.

        Args:
            caller: who sends it.
            run_id: the run.
            path: path of the file, checked.
            upload_id: names the upload, so that it can be continued if it breaks off.
            offset: bytes that are there already.
            size: bytes of the whole file, if the sender says how many; else 0.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: as `artifacts.check_writable` and
                `Staging.open_upload`.
            ResourceExhausted: the caller may not store so many bytes.
            Unavailable: the storage failed.
        """
        await self._readers.quick(artifacts.check_writable, caller, run_id, path)
        async with self._limit.receive(caller, run_id, path, upload_id) as coming:
            await coming.expect(size)
            await coming.add(offset)
            staged = await self._staging.open_upload(caller, run_id, path, upload_id, offset)
            if not staged.is_closed:  # else another stream has taken it over already
                coming.begin()
            store = partial(self._store, caller, run_id, path, coming)
            incoming = IncomingFile(path, coming, staged, store, bool(upload_id))
            try:
                yield incoming
            except ResourceExhausted:
                incoming.is_resumable = False
                raise
            except Unavailable as error:
                # A disk that is full stays full if an incomplete upload is kept on it.
                is_fault = error.reason == "STORAGE" and not incoming.is_complete
                if is_fault and staged.FILLS_DISK:
                    incoming.is_resumable = False
                raise
            finally:
                self.received += incoming.received
                if incoming.is_resumable:
                    coming.keep(partial(self._staging.remove, staged))
                closing = self._staging.close_upload(staged, discard=not incoming.is_resumable)
                await asyncio.wait((closing,))

    async def upload_offset(self, caller: Caller, run_id: str, path: str, upload_id: str) -> int:
        """Return how many bytes of an upload of this caller are there; raises as `receive`."""
        await self._readers.quick(artifacts.check_writable, caller, run_id, path)
        return await self._staging.offset(caller, run_id, path, upload_id)

    async def delete(self, caller: Caller, run_id: str, path: str, write: WriteId | None) -> bool:
        """Delete a file, or a folder with all that is below it; return whether it was there.

        If this write was applied before, nothing is deleted, and it was there.

        Raises:
            NotFound, PermissionDenied, FailedPrecondition: as `artifacts.delete`.
        """
        was_there = False
        while True:
            deleted = await self._writer.submit(
                artifacts.delete, caller, run_id, path, _BATCH, write, run_id=run_id
            )
            with suppress(Unavailable):  # `collect_orphans` removes them later
                await self._remove(deleted.unused)
            was_there = was_there or deleted.was_there
            if deleted.is_complete:
                return was_there

    async def collect_orphans(self) -> tuple[int, int]:
        """Remove the contents that no file has; return how many they are and their bytes.

        What a crash left in the storage is removed too, and not counted.

        Raises:
            Unavailable: the storage failed.
        """
        count = size = after = 0
        while found := await self._readers.long(blobs.find_unused, after, _BATCH):
            files, released = await self.remove_unused(found)
            count += files
            size += released
            after = found[-1]
        await self._remove(await self._readers.long(blobs.find_orphans))
        return count, size

    async def remove_unused(self, contents: Sequence[int]) -> tuple[int, int]:
        """Remove those of some contents, by their internal ids, that no file has; as above."""
        count = size = 0
        for start in range(0, len(contents), _BATCH):
            some = contents[start : start + _BATCH]
            released = await self._writer.submit(blobs.delete_unused, some)
            await self._remove([blob.name for blob in released])
            count += len(released)
            size += sum(blob.size for blob in released)
        return count, size

    async def _store(
        self,
        caller: Caller,
        run_id: str,
        path: str,
        coming: ComingFile,
        staged: StagedUpload,
        content: Content,
    ) -> artifacts.Entry:
        file = (caller, run_id, path, content.sha256, content.size, self._limit.bytes)
        there = (staged.put_as, staged.key) if staged.put_as else ()
        stored = await self._writer.submit(artifacts.store, *file, *there, run_id=run_id)
        while stored.file is None:  # the content is new
            name = stored.put_as
            await staged.put(name)
            try:
                stored = await self._writer.submit(artifacts.store, *file, name, run_id=run_id)
            except ResourceExhausted:
                with suppress(Unavailable):  # `collect_orphans` removes it later
                    await self._remove([name])
                raise
        coming.finish()
        with suppress(Unavailable):  # `collect_orphans` removes them later
            await self._remove(stored.unused)
        return stored.file

    async def _remove(self, names: Sequence[str]) -> None:
        if names:
            await self._storage.delete(names)
            await self._writer.submit(blobs.delete_orphans, names)
