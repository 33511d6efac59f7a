"""The ports and addresses that a server listens on."""

from __future__ import annotations

import errno
import socket

#: What the person who started the server can do if a port is taken.
GRPC_ADVICE = "--port takes another port"
HTTP_ADVICE = "--http-port takes another port, or off"


class CannotListenError(Exception):
    """An address cannot be listened on; the text is for the person who started the server."""


def listen_on(host: str, port: int, advice: str, is_shared: bool = False) -> socket.socket:
    """Return a socket that listens on a TCP port.

    Args:
        host: interface to listen on, a name or an address, with or without brackets.
        port: the port; 0 takes a free one.
        advice: what the person who started the server can do if the port is taken.
        is_shared: whether other sockets that say so, too, may listen on the port.

    Raises:
        CannotListenError: the port is taken, or cannot be used.
    """
    try:
        return socket.create_server(
            (host.strip("[]"), port), family=_family(host), reuse_port=is_shared
        )
    except OSError as error:
        raise _cannot_listen_error(host, port, advice, error) from error


def reserve_port(host: str, port: int, advice: str) -> socket.socket:
    """Return a socket that keeps a TCP port for sockets that share it, and gets no connection.

    Another program cannot take the port meanwhile, unless it is the same user's and shares the
    port, too. Arguments and errors are those of `listen_on`.
    """
    reserved = socket.socket(_family(host))
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((host.strip("[]"), port))
        # After `bind`, which fails if anybody has the port, even one that would share it. With
        # SO_REUSEADDR the port could be taken until somebody listens.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        reserved.close()
        raise _cannot_listen_error(host, port, advice, error) from error
    return reserved


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _cannot_listen_error(host: str, port: int, advice: str, error: OSError) -> CannotListenError:
    if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
        advice = "--host takes a name or an address of this computer, such as 127.0.0.1"
    return CannotListenError(f"cannot listen on {host}:{port}: {error}; {advice}")


def in_brackets(host: str) -> str:
    """Return a host as part of an address: an IPv6 address is put in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host
