"""The context of a call, through which a servicer asks about it in the same way for gRPC and HTTP.

A call that its caller cancels ends by `asyncio.CancelledError` in the servicer, so a servicer does
not ask for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from runstream_service.access.caller import Caller


class CallContext(Protocol):
    """The context of a call; gRPC and HTTP have one each.

    Attributes:
        caller: who calls.
    """

    caller: Caller

    def peer(self) -> str:
        """Return the address of the caller, such as `ipv4:192.0.2.7:50112`."""

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline of the call; None, if it has no deadline."""

    def name_subject(self, subject: str) -> None:
        """Say what the call is about, for the audit log, where its first message does not."""


class GrpcContext:
    """A `CallContext` of a call over gRPC."""

    __slots__ = ("_context", "_name_subject", "_peer", "caller")

    def __init__(
        self, context: Any, caller: Caller, peer: str, name_subject: Callable[[str], None]
    ) -> None:
        self._context, self._peer, self._name_subject = context, peer, name_subject
        self.caller = caller

    def name_subject(self, subject: str) -> None:
        """Say what the call is about, for the audit log."""
        self._name_subject(subject)

    def peer(self) -> str:
        """Return the address of the caller."""
        return self._peer

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline of the call; None, if it has no deadline."""
        seconds: float | None = self._context.time_remaining()
        return seconds
