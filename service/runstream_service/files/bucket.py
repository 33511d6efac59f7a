"""Contents in a bucket of an S3-compatible object store.

A content is one object, or a row of parts of the same size: the objects `NAME/000000`,
`NAME/000001`, … of a name that ends in the size of a part.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from runstream.errors import Unavailable
from runstream_service.files.storage import CHUNK, ContentMissingError

log = logging.getLogger(__name__)

#: Bytes of a part, but for the last one.
PART_BYTES = 8 * CHUNK

# An object is read in ranges, so that a slow reader holds no connection.
_RANGE_BYTES = 4 * CHUNK
# Objects that are put at the same time, by all uploads; they are in memory meanwhile.
_PUTS_AT_ONCE = 8


class Bucket:
    """Keeps contents as objects below the prefix of an `s3://bucket/prefix` URL.

    Credentials, region and endpoint are those of the environment (`AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, ...), or of the machine's role.

    Attributes:
        turns: held by those who have an object in memory, to put it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.turns = asyncio.Semaphore(_PUTS_AT_ONCE)
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
        self._store = S3Store.from_url(
            url,
            client_options={"allow_http": endpoint.startswith("http://")},
            # Clients retry by themselves, so an error reaches them before they give up.
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )

    def __str__(self) -> str:
        return self._url

    async def put(self, name: str, content: bytes) -> None:
        """Put an object; when this returns it is durable, and whole."""
        with _convert_errors():
            await obstore.put_async(self._store, name, content, use_multipart=False)

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[list[bytes]]:
        part_bytes = _part_bytes(name)
        while start < end:
            stop = min(end, start + _RANGE_BYTES)
            at, place = 0, name
            if part_bytes:
                index = start // part_bytes
                at, place = index * part_bytes, part_name(name, index)
                stop = min(stop, at + part_bytes)
            with _convert_errors():
                try:
                    content = await obstore.get_range_async(
                        self._store, place, start=start - at, end=stop - at
                    )
                except FileNotFoundError as error:
                    if "NoSuchBucket" in str(error):  # the bucket may come back
                        raise
                    raise ContentMissingError(f"there is no object {place}") from None
            part = memoryview(content)
            yield [bytes(part[i : i + CHUNK]) for i in range(0, len(part), CHUNK)]
            start = stop

    async def delete(self, names: Sequence[str]) -> None:
        with _convert_errors():
            whole = [name for name in names if not _part_bytes(name)]
            if whole:
                await obstore.delete_async(self._store, whole)
            for name in names:
                if _part_bytes(name):
                    async for parts in obstore.list(self._store, name):
                        await obstore.delete_async(self._store, [part["path"] for part in parts])

    async def count_bytes(self, name: str) -> int:
        """Return how many bytes of a content in parts are there, up to the first part missing."""
        sizes: dict[str, int] = {}
        with _convert_errors():
            async for parts in obstore.list(self._store, name):
                sizes |= {part["path"]: part["size"] for part in parts}
        size = index = 0
        while (part := part_name(name, index)) in sizes:
            size += sizes[part]
            index += 1
        return size


def new_name_of_parts() -> str:
    """Return a name for a content in parts, which nothing else has."""
    token = secrets.token_hex(16)
    return f"{token[:2]}/{token}.{PART_BYTES}"


def part_name(name: str, index: int) -> str:
    """Return the name of the object of a part."""
    return f"{name}/{index:06}"


def _part_bytes(name: str) -> int:
    """Return how many bytes each part of a content has; 0 if it is one object."""
    return int(name.rpartition(".")[2]) if "." in name else 0


@contextmanager
def _convert_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise _storage_error(error) from error


def _storage_error(error: Exception) -> Unavailable:
    log.error("the object store failed: %s", error)
    return Unavailable(f"the object store failed: {error}", reason="STORAGE")
