"""Bodies of requests: chunk by chunk or whole, inflated if they come compressed, and bounded."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from starlette.requests import Request

from runstream.errors import ResourceExhausted, shorten
from runstream_service.http.errors import BadRequest

#: Bytes of all JSON bodies that are held at the same time.
HELD_BYTES = 128 * 1024 * 1024
#: Seconds that a body of JSON may take to arrive.
BODY_SECONDS = 120.0

# Bytes of a body that every connection may hold.
_SMALL_BYTES = 64 * 1024
# Bytes that are inflated from a compressed body at a time.
_INFLATE_BYTES = 64 * 1024
# The `wbits` of zlib for gzip and for both kinds of deflate, by the name of the encoding.
_ZLIB_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class Bodies:
    """The memory for the bodies of JSON of all requests."""

    def __init__(self) -> None:
        self._held = 0

    def resize(self, share: int, size: int) -> int:
        """Change the share of a request to `size` bytes, and return the new share.

        Small bodies take no room, so that they are read even if large bodies fill it.

        Raises:
            ResourceExhausted: there is no room for them.
        """
        wanted = size if size > _SMALL_BYTES else 0
        if wanted > share and self._held + wanted - share > HELD_BYTES:
            raise ResourceExhausted(
                f"The server holds {HELD_BYTES} bytes of other requests; try again later",
                reason="SERVER_BUSY",
                field="body",
                limit=HELD_BYTES,
            )
        self._held += wanted - share
        return wanted

    @asynccontextmanager
    async def hold(self, request: Request, limit: int) -> AsyncIterator[bytearray]:
        """Read the whole body of a request; it takes room until the context ends.

        Args:
            request: the request.
            limit: bytes that its body may have.

        Raises:
            BadRequest: it is larger, did not come in time, or is not what it says.
            ResourceExhausted: there is no room for it.
        """
        announced = _content_length(request)
        if announced > limit:
            raise _too_large_error(limit)
        share = self.resize(0, announced)
        deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        body = bytearray()
        try:
            async with aclosing(body_chunks(request)) as chunks:
                while chunk := await _next_chunk(chunks, deadline):
                    body += chunk
                    if len(body) > limit:
                        raise _too_large_error(limit)
                    share = self.resize(share, max(announced, len(body)))
            yield body
        finally:
            self.resize(share, 0)


def announced_size(request: Request) -> int:
    """Return how many bytes a request says that its body has; 0 if it does not."""
    return 0 if _encoding(request) in _ZLIB_WINDOWS else _content_length(request)


async def body_chunks(request: Request) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of the body of a request, inflated.

    Raises:
        BadRequest: it is compressed in a way that is not known, or not as it says.
    """
    encoding = _encoding(request)
    if encoding in ("", "identity"):
        async for chunk in request.stream():
            yield chunk
    elif encoding in _ZLIB_WINDOWS:
        async for chunk in _inflate(request, encoding):
            yield chunk
    else:
        raise BadRequest(
            f"Content-Encoding is gzip, deflate or identity, not {shorten(encoding)}",
            reason="CONTENT_ENCODING_UNKNOWN",
            field="Content-Encoding",
            value=encoding,
            limit="gzip, deflate or identity",
        )


def _encoding(request: Request) -> str:
    return request.headers.get("content-encoding", "").strip().lower()


def _content_length(request: Request) -> int:
    length = request.headers.get("content-length", "")[:19]
    return int(length) if length.isdecimal() else 0


async def _next_chunk(chunks: AsyncGenerator[bytes, None], deadline: float) -> bytes:
    """Return the next chunk that is not empty; an empty one at the end."""
    while True:
        left = deadline - asyncio.get_running_loop().time()
        try:
            chunk = await asyncio.wait_for(anext(chunks, None), max(0.0, left))
        except asyncio.TimeoutError:
            raise BadRequest(
                f"The body did not arrive within {BODY_SECONDS:.0f} seconds",
                reason="BODY_TOO_SLOW",
                field="body",
                limit=BODY_SECONDS,
            ) from None
        if chunk is None:
            return b""
        if chunk:
            return chunk


def _too_large_error(limit: int) -> BadRequest:
    """Return the error of a body that is larger than its limit."""
    return BadRequest(
        f"The body is larger than {limit} bytes",
        reason="BODY_TOO_LARGE",
        field="body",
        limit=limit,
    )


async def _inflate(request: Request, encoding: str) -> AsyncIterator[bytes]:
    windows = _ZLIB_WINDOWS[encoding]
    inflater = zlib.decompressobj(windows[0])
    began = False
    async for chunk in request.stream():
        rest = chunk
        while rest:
            try:
                inflated = inflater.decompress(rest, _INFLATE_BYTES)
            except zlib.error as error:
                if began or len(windows) == 1:
                    raise _malformed_error(encoding, error) from None
                windows = windows[1:]
                inflater = zlib.decompressobj(windows[0])
                continue
            began = True
            rest = inflater.unconsumed_tail
            if inflated:
                yield inflated
                await asyncio.sleep(0)  # a small chunk may inflate to very much
            if inflater.eof:
                break
    if began and not inflater.eof:
        raise _malformed_error(encoding, "it ends too early")


def _malformed_error(encoding: str, why: object) -> BadRequest:
    return BadRequest(
        f"The body is not compressed by {encoding}, as it says: {why}",
        reason="BODY_MALFORMED",
        field="body",
    )
