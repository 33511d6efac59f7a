"""A server that asks nobody who they are is reached from its own machine alone.

One that does is reached from others, too, which takes TLS.
"""

from __future__ import annotations

import logging
import socket
from ipaddress import ip_address

from runstream_service.config import Config
from runstream_service.ports import CannotListenError

log = logging.getLogger(__name__)


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


def warn_of_clear_tokens(config: Config) -> None:
    """Warn, once for all workers, if tokens come from other machines in clear.

    Those who name a proxy have TLS there, and those who give `--insecure` trust the network.
    """
    is_protected = config.tls_cert or config.trusted_proxies or config.insecure
    if is_protected or config.listen or config.worker > 1 or is_loopback(config.host):
        return
    log.warning(
        "tokens come to %s in clear, and whoever is on their way can read them: give --tls-cert "
        "and --tls-key, or --trusted-proxies if a proxy has TLS",
        config.host,
    )


def is_loopback(host: str) -> bool:
    """Return whether all addresses of a host are of the loopback interface."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)
