"""The version and the ports of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerInfo:
    """The version and the ports of a server.

    Attributes:
        version: its version.
        grpc_port: its TCP port of gRPC; 0 if it listens on a Unix socket.
        http_port: its TCP port of HTTP, and of the web interface; 0 while it serves none.
        has_interface: whether the web interface is there, which is built with `make web`.
    """

    version: str
    grpc_port: int
    http_port: int
    has_interface: bool
