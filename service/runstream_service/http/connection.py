"""One connection of HTTP, with bounds on its memory and its time.

uvicorn's protocol bounds neither heads nor requests that follow each other unanswered, and waits
without end for a client that sends nothing or reads nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runstream_service.http.tls import common_name

#: Bytes outside of bodies that a client may send in a row: a head, trailers, sizes of chunks.
HEAD_BYTES = 64 * 1024
#: Seconds that the head of a request may take, from the connection or the answer before.
HEAD_SECONDS = 30.0
#: Seconds for which a client may send nothing of a body, or read nothing of an answer.
SILENT_SECONDS = 60.0

#: Where a request has the common name in the certificate of its client; None if it has shown none.
COMMON_NAME = "runstream.common_name"

_TOO_MANY_BODY = (  # no request is read, so it has no id
    b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "there are too many connections", '
    b'"reason": "CONNECTIONS_TOO_MANY", "metadata": {}}'
)
_TOO_MANY_CONNECTIONS = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_MANY_BODY), _TOO_MANY_BODY)
)


class Connection(HttpToolsProtocol):
    """A connection; there are at most as many as the `limit_concurrency` of the server."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or answer that there are too many."""
        super().connection_made(transport)
        self._common_name = common_name(transport.get_extra_info("ssl_object"))
        now = self.loop.time()
        self._head_started = self._last_received = self._last_read = now
        self._unread = 0
        self._bytes_outside_bodies = 0
        self._in_head = False
        if len(self.connections) > (self.limit_concurrency or 0):
            transport.write(_TOO_MANY_CONNECTIONS)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes; too many in a row that belong to no body are refused."""
        self._last_received = self.loop.time()
        self._bytes_outside_bodies += len(data)
        super().data_received(data)
        if self._bytes_outside_bodies > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"More than {HEAD_BYTES} bytes are no part of a body.")

    def on_message_begin(self) -> None:
        """Begin a request, unless the one before has no answer yet.

        Only a caller who wants to fill the memory sends requests like this. Others can send them
        again (RFC 9112, 9.3.2).
        """
        if self.cycle is not None and not _is_answered(self.cycle):
            raise ValueError("the request before has no answer yet")
        super().on_message_begin()
        self.scope[COMMON_NAME] = self._common_name  # type: ignore[literal-required]
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those after a body are passed over."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Answer a request."""
        self._in_head = False
        self._bytes_outside_bodies = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._bytes_outside_bodies = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a body."""
        self._bytes_outside_bodies = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._head_started = self.loop.time()
        super().on_response_complete()

    def resume_writing(self) -> None:
        """Go on with an answer, because the client has read some of it."""
        self._unread = 0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse malformed bytes, after the answer to the request before them."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            super().send_400_response(msg)
        elif not cycle.more_body:
            cycle.keep_alive = False
            self.transport.pause_reading()
        elif cycle.response_started:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def close_if_stuck(self) -> None:
        """Close the connection if its client has done nothing for too long; called every second."""
        now = self.loop.time()
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            is_stuck = now - self._head_started > HEAD_SECONDS
        elif cycle.more_body and not self.flow.read_paused:
            is_stuck = now - self._last_received > SILENT_SECONDS
        else:
            is_stuck = False
        unread = self.transport.get_write_buffer_size()
        # While writing is paused nothing is added, so a smaller buffer shows that the client reads.
        if not self.flow.write_paused or unread != self._unread:
            self._unread, self._last_read = unread, now
        if is_stuck or now - self._last_read > SILENT_SECONDS:
            self.transport.abort()


def _is_answered(cycle: Any) -> bool:
    """Return whether the client may take its request for answered: it can have all bytes."""
    if cycle.response_complete or not cycle.response_started:
        return bool(cycle.response_complete)
    counted = cycle.chunked_encoding is False and cycle.expected_content_length == 0
    return bool(counted or cycle.scope["method"] == "HEAD")
