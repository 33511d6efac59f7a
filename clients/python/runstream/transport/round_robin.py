"""Takes the servers of a tracking URI in turn, without those that did not answer lately."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

#: Seconds for which a server that did not answer is left out. gRPC connects to it again meanwhile,
#: so a call that comes too early fails at once and goes to another server.
AVOID_SECONDS = 1.0


class RoundRobin:
    """The addresses of servers that all have the same runs.

    Each process begins with another server, so that many short programs use all of them. The
    caller's lock covers `next`; the other methods need none, because each takes one step.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)
        # Not by `random`, whose numbers are the training's.
        self._turn = secrets.randbelow(max(1, len(addresses)))
        self._avoided_until = dict.fromkeys(addresses, 0.0)

    def __len__(self) -> int:
        return len(self._addresses)

    def next(self) -> str:
        """Return the next address; if all are left out, the one for which that ends first."""
        now = time.monotonic()
        for _ in self._addresses:
            address = self._addresses[self._turn % len(self._addresses)]
            self._turn += 1
            if self._avoided_until[address] <= now:
                return address
        return min(self._addresses, key=self._avoided_until.__getitem__)

    def avoid(self, address: str) -> None:
        """Leave a server out for a while, because it did not answer."""
        self._avoided_until[address] = time.monotonic() + AVOID_SECONDS

    def has_available(self) -> bool:
        """Return whether a server is not left out."""
        now = time.monotonic()
        return any(until <= now for until in self._avoided_until.values())
