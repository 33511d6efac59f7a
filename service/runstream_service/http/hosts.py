"""The names under which browsers may reach the server.

Any page can have its own name resolve to this machine, and is then a page of this server to the
browser (DNS rebinding). What it cannot choose is the name itself, which the browser sends as
`Host`. An IP address cannot be made to resolve to another address.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address

# RFC 9110: a name, an IPv4 address or an IPv6 address in brackets; and maybe a port.
_HOST = re.compile(r"(?P<name>[^\s:/?#@\[\]]+|\[[0-9a-fA-F:.%]+\])(?::(?P<port>[0-9]{0,5}))?")


class Hosts:
    """Decides which names are those of this server."""

    def __init__(self, listening: str, allowed: Sequence[str]) -> None:
        """Prepare.

        Args:
            listening: the interface that the server listens on, an address or a name.
            allowed: more names, each with its port or for any port; `*.example.org` stands for all
                names below that one, `*` for all names.
        """
        self._allowed = frozenset(name.lower() for name in allowed)
        self._own = {"localhost"}
        # A name without a dot is one of the local network, and nobody else can have it.
        self._takes_short_names = not _is_loopback(listening)
        if self._takes_short_names:
            self._own |= {listening.lower(), socket.gethostname().lower()}

    def is_known(self, host: str) -> bool:
        """Return whether a `Host` header names this server."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].lower().rstrip(".")
        if _is_address(name) or name in self._own or name.endswith(".localhost"):
            return True
        if self._takes_short_names and "." not in name:
            return True
        return (
            "*" in self._allowed
            or self._is_allowed(name)
            or self._is_allowed(f"{name}:{found['port']}")
        )

    def is_allowed(self, host: str) -> bool:
        """Return whether the name, with its port if it has one, is among the allowed names."""
        return self._is_allowed(host.lower())

    def _is_allowed(self, host: str) -> bool:
        parts = host.split(".")
        return host in self._allowed or any(
            f"*.{'.'.join(parts[i:])}" in self._allowed for i in range(1, len(parts))
        )


def _is_loopback(listening: str) -> bool:
    if listening == "localhost":
        return True
    name = listening.strip("[]")
    return _is_address(name) and ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
