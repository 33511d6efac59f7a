"""Bodies of requests: chunk by chunk or whole, inflated if they come compressed, and bounded."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request

from runstream.errors import ResourceExhausted
from runstream_service.http.errors import BadRequest

#: Bytes of the bodies of JSON that are held at the same time.
HELD_BYTES = 128 * 1024 * 1024
#: Seconds that a body of JSON may take to arrive.
BODY_SECONDS = 120.0

# Bytes that are made of a compressed body at a time.
_INFLATED_BYTES = 64 * 1024
# How zlib is told of gzip and of both kinds of deflate, by what HTTP calls them.
_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class Bodies:
    """The bodies of JSON that are held, of all requests together."""

    def __init__(self) -> None:
        self._held = 0

    def take(self, size: int) -> None:
        """Take room for so many bytes.

        Raises:
            ResourceExhausted: there is none.
        """
        if self._held + size > HELD_BYTES:
            raise ResourceExhausted(
                f"The server holds {HELD_BYTES} bytes of other requests; try again later",
                reason="SERVER_BUSY",
                field="body",
                limit=HELD_BYTES,
            )
        self._held += size

    def release(self, size: int) -> None:
        """Give room back."""
        self._held -= size

    @asynccontextmanager
    async def hold(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """Read the body of a request whole, and count it until the context ends.

        Args:
            request: the request.
            limit: bytes that its body may have.

        Raises:
            BadRequest: it is larger, did not come in time, or is not what it says.
            ResourceExhausted: so many other bodies are held that it finds no room.
        """
        body = bytearray()
        try:
            try:
                await asyncio.wait_for(self._read(request, limit, body), BODY_SECONDS)
            except asyncio.TimeoutError:
                raise BadRequest(
                    f"The body did not arrive within {BODY_SECONDS:.0f} seconds",
                    reason="BODY_TOO_SLOW",
                    field="body",
                    limit=BODY_SECONDS,
                ) from None
            yield bytes(body)
        finally:
            self.release(len(body))

    async def _read(self, request: Request, limit: int, body: bytearray) -> None:
        # `isdecimal` is true of digits alone, and a longer number is too large in any case.
        said = request.headers.get("content-length", "")[:19]
        if said.isdecimal() and int(said) > limit:
            raise too_large(limit)
        async for chunk in chunks_of(request):
            if len(body) + len(chunk) > limit:
                raise too_large(limit)
            self.take(len(chunk))
            body += chunk


async def chunks_of(request: Request) -> AsyncIterator[bytes]:
    """Yield the chunks of the body of a request, inflated.

    Raises:
        HTTPException: with status 415, if it is compressed in a way that is not known.
        BadRequest: it is not compressed as it says.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        async for chunk in request.stream():
            yield chunk
    elif encoding in _WINDOWS:
        async for chunk in _inflated(request, encoding):
            yield chunk
    else:
        raise HTTPException(415, f"Content-Encoding is gzip, deflate or identity, not {encoding}")


def too_large(limit: int) -> BadRequest:
    """Return the error of a body that is larger than its limit."""
    return BadRequest(
        f"The body is larger than {limit} bytes",
        reason="BODY_TOO_LARGE",
        field="body",
        limit=limit,
    )


async def _inflated(request: Request, encoding: str) -> AsyncIterator[bytes]:
    windows = _WINDOWS[encoding]
    inflater = zlib.decompressobj(windows[0])
    began = False
    async for chunk in request.stream():
        rest = chunk
        while rest:
            try:
                inflated = inflater.decompress(rest, _INFLATED_BYTES)
            except zlib.error as error:
                if began or len(windows) == 1:
                    raise _malformed(encoding, error) from None
                windows = windows[1:]
                inflater = zlib.decompressobj(windows[0])
                continue
            began = True
            rest = inflater.unconsumed_tail
            if inflated:
                yield inflated
                await asyncio.sleep(0)  # a small chunk may hold very much
            if inflater.eof:
                break
    if began and not inflater.eof:
        raise _malformed(encoding, "it ends too early")


def _malformed(encoding: str, why: object) -> BadRequest:
    return BadRequest(
        f"The body is not compressed by {encoding}, as it says: {why}",
        reason="BODY_MALFORMED",
        field="body",
    )
