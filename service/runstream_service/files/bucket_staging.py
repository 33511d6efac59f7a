"""Uploads to a bucket that are not complete yet: parts are put into the bucket as they come.

A content that is larger than a part is there as its parts already when the upload ends
(`Bucket`), so it needs no room on this machine, and another server can go on with it. A smaller
one is put as one object, and begins anew if it breaks off.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import IO, Any

from runstream.errors import RunstreamError
from runstream_service.catalog import staged_contents
from runstream_service.catalog.artifacts import taken_over_error
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.bucket import PART_BYTES, Bucket, new_name_of_parts, part_name
from runstream_service.files.file_threads import FileThreads, mark_retrieved
from runstream_service.files.staging import (
    Content,
    StagedUpload,
    Staging,
    find_expired,
    offset_error,
)

# Parts of one upload that are put at the same time, and that wait for it; then its sender waits.
_PUTS_AT_ONCE = 4
_WAITING_PARTS = 2
# Bytes of a part that are kept in memory; of a larger one, all are in a file.
_MEMORY_BYTES = 256 * 1024
# Seconds and bytes after which an upload that goes on says so in the database.
_RENEW_SECONDS = 20.0
_RENEW_BYTES = 16 * PART_BYTES


class StagedParts(StagedUpload):
    """One upload whose parts are put under a name of its own.

    What is not a whole part yet is in a file without a name, which ends with the process.

    Attributes:
        name: the name.
    """

    def __init__(self, key: str, staging: BucketStaging) -> None:
        super().__init__(key, staging.threads)
        self._bucket = staging.bucket
        self._writer, self._readers = staging.writer, staging.readers
        self.name = new_name_of_parts()
        self._has_row = False
        self._is_opening = True  # until then the upload is not that of the row
        self._is_closed = False
        self._hash = hashlib.sha256()
        self._size = self._parts = self._renewed_size = 0
        self._renewed = time.monotonic()
        self._part = _new_part()
        self._part_size = 0
        self._full: list[IO[bytes]] = []  # parts that are not being put yet
        self._putting = self._writing  # the task that puts them
        self._puts: set[asyncio.Future[None]] = set()

    async def open(self, offset: int) -> None:
        before = await self._readers.quick(staged_contents.find, self.key)
        there = await self._bucket.count_bytes(before) if before else 0
        if there != offset:
            raise offset_error(offset, there)
        if before:
            # The stream before may go on for a while under its name, so the bytes are put again.
            async for chunks in self._bucket.read(before, 0, offset):
                for chunk in chunks:
                    await self.write(chunk)
            await self._put_all()
        self._is_opening = False
        if self._has_row:
            await self._take_over()

    async def write(self, chunk: bytes) -> None:
        await super().write(chunk)
        if len(self._full) >= _WAITING_PARTS:
            await asyncio.wait((self._putting,))
        if self._putting.done():
            self._putting.result()

    async def put(self, name: str) -> None:
        await self._put(name, self._part)

    async def _finish(self) -> Content:
        if self._size >= PART_BYTES:
            if self._part_size:
                self._full.append(self._take_part())
            await self._put_all()
            self.put_as = self.name
        return Content(self._hash.hexdigest(), self._size)

    def _append(self, chunks: list[bytes]) -> None:
        if self._is_closed:
            raise taken_over_error(self.key)
        for chunk in chunks:
            self._hash.update(chunk)
            self._size += len(chunk)
            rest = memoryview(chunk)
            while rest:
                piece = rest[: PART_BYTES - self._part_size]
                self._part.write(piece)
                self._part_size += len(piece)
                if self._part_size == PART_BYTES:
                    self._full.append(self._take_part())
                rest = rest[len(piece) :]

    def _take_part(self) -> IO[bytes]:
        part, self._part, self._part_size = self._part, _new_part(), 0
        return part

    async def _put_all(self) -> None:
        """Wait until all that was written and is a whole part is in the bucket."""
        while self._waiting:
            await asyncio.wait((self._writing,))
            self._write_waiting()
        await self._writing
        await self._putting
        await self._put_full_parts()
        while self._puts:
            await self._wait_for_put()

    def _after_write(self, writing: asyncio.Future[None]) -> None:
        super()._after_write(writing)
        if self._full and self._putting.done() and self._putting.exception() is None:
            self._putting = _start(self._put_full_parts())

    async def _put_full_parts(self) -> None:
        while self._full:
            await self._renew_row()
            if self._is_closed:
                raise taken_over_error(self.key)
            name, part = part_name(self.name, self._parts), self._full.pop(0)
            self._parts += 1
            self._puts.add(_start(self._put_part(name, part)))
            while len(self._puts) >= _PUTS_AT_ONCE:
                await self._wait_for_put()

    async def _renew_row(self) -> None:
        """Make the row of the name before its first part; now and then show that it goes on."""
        if not self._has_row:
            self._has_row = True
            await self._writer.submit(staged_contents.insert, self.name)
            if not self._is_opening:
                await self._take_over()
        size = self._parts * PART_BYTES
        now = time.monotonic()
        if size - self._renewed_size >= _RENEW_BYTES or now - self._renewed > _RENEW_SECONDS:
            self._renewed_size, self._renewed = size, now
            upload = None if self._is_opening else self.key
            if not await self._writer.submit(staged_contents.renew, self.name, size, upload):
                raise taken_over_error(self.key)

    async def _take_over(self) -> None:
        if not await self._writer.submit(staged_contents.take_over, self.name, self.key):
            raise taken_over_error(self.key)

    async def _wait_for_put(self) -> None:
        done, self._puts = await asyncio.wait(self._puts, return_when=asyncio.FIRST_COMPLETED)
        for put in done:
            put.result()

    async def _put_part(self, name: str, part: IO[bytes]) -> None:
        with part:
            await self._put(name, part)

    async def _put(self, name: str, file: IO[bytes]) -> None:
        async with self._bucket.turns:
            content = await self._threads.start(_read_all, file)
            await self._bucket.put(name, content)

    def _close(self, discard: bool) -> asyncio.Future[None]:
        self._is_closed = True
        return asyncio.ensure_future(self._close_parts(discard))

    async def _close_parts(self, discard: bool) -> None:
        await asyncio.wait((self._writing, self._putting))
        if self._puts:
            await asyncio.wait(self._puts)  # what is there need not be sent again
        for part in (*self._full, self._part):
            part.close()
        if discard:
            await self._remove()

    def remove(self) -> None:
        _start(self._remove())

    async def _remove(self) -> None:
        if self._has_row:
            with suppress(RunstreamError):  # it is removed later as one that broke off
                await remove_staged(self._writer, self._bucket, self.name)


class BucketStaging(Staging[StagedParts]):
    """The uploads to a bucket that are not complete.

    Attributes:
        bucket: where the parts are put.
        writer: writes which names they have.
        readers: read that.
        threads: hash and write what is not a whole part yet.
    """

    def __init__(
        self, bucket: Bucket, writer: Writer, readers: Readers, threads: FileThreads
    ) -> None:
        super().__init__()
        self.bucket, self.writer, self.readers, self.threads = bucket, writer, readers, threads
        self._sweeping: asyncio.Task[None] | None = None

    def _new_upload(self, key: str) -> StagedParts:
        return StagedParts(key, self)

    async def _count_bytes(self, key: str) -> int:
        name = await self.readers.quick(staged_contents.find, key)
        return await self.bucket.count_bytes(name) if name else 0

    def _remove_expired(self, under_way: frozenset[StagedParts]) -> None:
        if self._sweeping is None or self._sweeping.done():
            names = frozenset(upload.name for upload in under_way)
            self._sweeping = asyncio.create_task(self._sweep_bucket(names))

    async def _sweep_bucket(self, under_way: frozenset[str]) -> None:
        with suppress(RunstreamError):  # it is logged, and the next sweep comes to it
            uploads = await self.readers.long(staged_contents.find_all)
            others = [upload for upload in uploads if upload[3][0] not in under_way]
            for name, changed in find_expired(others, self._max_bytes_of_caller):
                await remove_staged(self.writer, self.bucket, name, changed)


async def remove_staged(
    writer: Writer, bucket: Bucket, name: str, changed: int | None = None
) -> None:
    """Remove the parts under a name, and its row, which is there until they are gone.

    Args:
        writer: writes the row.
        bucket: has the parts.
        name: the name; if it has no row any more, its upload is complete.
        changed: when the row must have changed last, in milliseconds.
    """
    if await writer.submit(staged_contents.expire, name, changed):
        await bucket.delete([name])
        await writer.submit(staged_contents.delete, name)


def _start(work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
    task = asyncio.ensure_future(work)
    task.add_done_callback(mark_retrieved)
    return task


def _new_part() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(_MEMORY_BYTES)


def _read_all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
