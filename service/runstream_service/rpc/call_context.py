"""The context of a call, through which a servicer asks about it in the same way for gRPC and HTTP.

A call that its caller cancels ends by `asyncio.CancelledError` in the servicer, so a servicer does
not ask for that.
"""

from __future__ import annotations

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

    def name_refused(self, subject: str, code: str) -> None:
        """Say what a part of the call was about that was refused, and the code of its error."""


class OpenCall(Protocol):
    """A call over gRPC that is under way.

    Attributes:
        context: that of gRPC.
        peer: the address of the caller.
        subject: what it is about, for the audit log.
        refused: what parts of it were about that were refused, and the codes of their errors.
    """

    context: Any
    peer: str
    subject: str
    refused: list[tuple[str, str]]


class GrpcContext:
    """A `CallContext` of a call over gRPC."""

    __slots__ = ("_call", "caller")

    def __init__(self, call: OpenCall, caller: Caller) -> None:
        self._call, self.caller = call, caller

    def name_subject(self, subject: str) -> None:
        """Say what the call is about, for the audit log."""
        self._call.subject = subject

    def name_refused(self, subject: str, code: str) -> None:
        """Say what a part of the call was about that was refused."""
        self._call.refused.append((subject, code))

    def peer(self) -> str:
        """Return the address of the caller."""
        return self._call.peer

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline of the call; None, if it has no deadline."""
        seconds: float | None = self._call.context.time_remaining()
        return seconds
