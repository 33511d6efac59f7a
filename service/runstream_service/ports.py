"""The ports and addresses that a server listens on."""

from __future__ import annotations

import errno
import socket

#: What the person who started the server can do if a port is taken.
GRPC_ADVICE = "--port takes another port"
HTTP_ADVICE = "--http-port takes another port, or off"


class CannotListenError(Exception):
    """An address cannot be listened on; the text is for the person who started the server."""


def listen_on(host: str, port: int, advice: str) -> socket.socket:
    """Return a socket that listens on a TCP port.

    Args:
        host: interface to listen on, a name or an address, with or without brackets.
        port: the port; 0 takes a free one.
        advice: what the person who started the server can do if the port is taken.

    Raises:
        CannotListenError: the port is taken, or cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            advice = "--host takes a name or an address of this computer, such as 127.0.0.1"
        raise CannotListenError(f"cannot listen on {host}:{port}: {error}; {advice}") from error


def in_brackets(host: str) -> str:
    """Return a host as part of an address: an IPv6 address is put in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host
