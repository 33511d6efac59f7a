"""Ports of this machine that no other process takes while the tests run."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

# Below the ports that systems give to whoever asks for any: 32768 and more, or 49152 and more.
_FIRST, _COUNT = 20_000, 12_000
_LOCKS = Path(tempfile.gettempdir(), f"runstream-test-ports-{os.geteuid()}")
_file = os.open(_LOCKS, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
_next = random.randrange(_COUNT)
_lock = threading.Lock()  # locks of the file keep away other processes, not threads of this one


def reserve_port() -> int:
    """Return a port on which nobody listens, and which is this process's until it ends.

    A server may be stopped and started on it again. Whichever process runs tests locks the byte of
    the port in a file that all of them share.
    """
    global _next
    with _lock:
        for _ in range(_COUNT):
            _next = (_next + 1) % _COUNT
            with suppress(OSError), socket.socket() as listener:
                fcntl.lockf(_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _next)
                listener.bind(("127.0.0.1", _FIRST + _next))
                return _FIRST + _next
    raise RuntimeError("no port is free")
