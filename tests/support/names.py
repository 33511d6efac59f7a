"""A server of names (DNS) that answers every question with the same addresses."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress

_A_RECORD = 1


class NameServer:
    """Answers for IPv4 alone, until it is closed.

    Attributes:
        address: where it listens, `host:port`.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._records = [b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(a) for a in addresses]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._is_closed = False
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        while not self._is_closed:
            with suppress(TimeoutError):
                query, client = self._socket.recvfrom(512)
                name_end = query.index(b"\0", 12) + 1
                (kind,) = struct.unpack(">H", query[name_end : name_end + 2])
                records = self._records if kind == _A_RECORD else []
                head = query[:2] + b"\x81\x80\0\1" + struct.pack(">H", len(records)) + b"\0\0\0\0"
                question = query[12 : name_end + 4]
                self._socket.sendto(head + question + b"".join(records), client)
