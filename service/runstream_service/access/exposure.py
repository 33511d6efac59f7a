"""A server that asks nobody who they are is reached from its own machine alone."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from runstream_service.config import Config
from runstream_service.ports import CannotListenError


def refuse_exposure(config: Config) -> None:
    """Refuse to let everybody do everything from other machines, unless somebody wants that.

    Raises:
        CannotListenError: the server would listen on an interface that is not the loopback.
    """
    if config.listen or config.insecure or is_loopback(config.host):
        return
    raise CannotListenError(
        f"--host {config.host} would let everybody who reaches this machine do everything, because "
        "there is no token yet: `runstream db create-token` makes the first one; or give --insecure"
    )


def is_loopback(host: str) -> bool:
    """Return whether all addresses of a host are of the loopback interface."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)
