"""Entries of the audit log of a server."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.v1 import access_service_pb2


@dataclass(frozen=True)
class AuditEntry:
    """A call that changed something, or that was refused.

    Attributes:
        time: when it ended, in milliseconds since the epoch.
        user_name: who called; empty if they did not say.
        peer: the address of the caller, such as `ipv4:192.0.2.7:50112`.
        method: the name of the RPC; for a route of HTTP that is of none, the verb and the path.
        subject: what it was about, by name, such as `run_id=…`.
        code: the code of gRPC by which it ended, such as `OK`.
    """

    time: int
    user_name: str
    peer: str
    method: str
    subject: str
    code: str

    @classmethod
    def from_proto(cls, message: access_service_pb2.AuditEntry) -> AuditEntry:
        """Convert the message of the contract."""
        return cls(
            time=message.time,
            user_name=message.user_name,
            peer=message.peer,
            method=message.method,
            subject=message.subject,
            code=message.code,
        )
