"""The context of a call, through which a servicer asks about it in the same way for gRPC and HTTP.

A call that its caller cancels ends by `asyncio.CancelledError` in the servicer, so a servicer does
not ask for that.
"""

from __future__ import annotations

from typing import Protocol


class CallContext(Protocol):
    """The context of a call; `grpc.aio.ServicerContext` is one, and HTTP has its own."""

    def peer(self) -> str:
        """Return the address of the caller, such as `ipv4:192.0.2.7:50112`."""

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline of the call; None, if it has no deadline."""
