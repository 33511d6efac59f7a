"""A server that is called with everything there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from support.server_process import ServerProcess

#: Seconds for all tests of `tests/fuzz`; `make fuzz SECONDS=600` asks for more.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))


class FuzzedServer(NamedTuple):
    """A server that is called with everything there is.

    Attributes:
        server: the server.
        tokens: the token of each of its users.
        names: texts that name something in it, and some that do not.
    """

    server: ServerProcess
    tokens: dict[str, str]
    names: list[str]


def resident_bytes(server: ServerProcess) -> int:
    """Return the bytes of memory that a server has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if "VmRSS" in line))
