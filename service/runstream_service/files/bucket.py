"""Contents in a bucket of an S3-compatible object store."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from runstream.errors import Unavailable
from runstream_service.files.storage import CHUNK

log = logging.getLogger(__name__)

# An object is read in ranges, so that a slow reader holds no connection.
_RANGE_BYTES = 4 * CHUNK
# S3 takes 10,000 parts of an object.
_MAX_PARTS = 10_000
_MIN_PART_BYTES = 8 * CHUNK
_PARTS_AT_ONCE = 4


class Bucket:
    """Keeps contents as objects below the prefix of an `s3://bucket/prefix` URL.

    Credentials, region and endpoint are those of the environment (`AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, ...), or of the machine's role.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
        self._store = S3Store.from_url(
            url,
            client_options={"allow_http": endpoint.startswith("http://")},
            # Clients retry by themselves, so an error reaches them before they give up.
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )

    def __str__(self) -> str:
        return self._url

    async def put(self, name: str, file: Path) -> None:
        part = max(_MIN_PART_BYTES, -(-file.stat().st_size // _MAX_PARTS))
        with _convert_errors():
            await obstore.put_async(
                self._store, name, file, chunk_size=part, max_concurrency=_PARTS_AT_ONCE
            )

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[list[bytes]]:
        while start < end:
            stop = min(end, start + _RANGE_BYTES)
            with _convert_errors():
                content = await obstore.get_range_async(self._store, name, start=start, end=stop)
            part = memoryview(content)
            yield [bytes(part[i : i + CHUNK]) for i in range(0, len(part), CHUNK)]
            start = stop

    async def delete(self, names: Sequence[str]) -> None:
        with _convert_errors():
            await obstore.delete_async(self._store, list(names))


@contextmanager
def _convert_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise _storage_error(error) from error


def _storage_error(error: Exception) -> Unavailable:
    log.error("the object store failed: %s", error)
    return Unavailable(f"the object store failed: {error}", reason="STORAGE")
