"""Finds the proxy that leads to a server, by environment variables in lower or upper case.

Servers on this computer are reached directly, whatever the variables say. gRPC itself knows
lower case only, and uses a proxy even for `localhost`; so each channel gets its proxy as an option.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

# The variables of gRPC in its order, which holds for TLS and without.
_GRPC_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")


class Proxy(NamedTuple):
    """A proxy, and the variable that names it."""

    uri: str
    variable: str

    def __str__(self) -> str:
        """Return its name for people, without its password."""
        return f"the proxy {urlsplit(self.uri).netloc.rpartition('@')[2]} ({self.variable})"


def grpc_proxy(address: str) -> Proxy | None:
    """Return the proxy that leads to an address of gRPC, `host:port` or `unix:path`."""
    if is_on_this_computer(address):
        return None
    host, _, port = address.rpartition(":")
    return _proxy(host, port, _GRPC_VARIABLES, ("no_grpc_proxy", "no_proxy"))


def is_on_this_computer(address: str) -> bool:
    """Return whether an address of gRPC, `host:port` or `unix:path`, is one of this computer."""
    return address.startswith("unix:") or _is_local(address.rpartition(":")[0])


def http_proxy(uri: str) -> Proxy | None:
    """Return the proxy that leads to an address of HTTP or HTTPS."""
    parts = urlsplit(uri)
    return _proxy(parts.hostname or "", str(parts.port or ""), [f"{parts.scheme}_proxy"])


def via_proxies(addresses: Iterable[str]) -> str:
    """Return the text by which an error says which proxies lead to addresses of gRPC."""
    return "".join(dict.fromkeys(via_proxy(grpc_proxy(address)) for address in addresses))


def via_proxy(proxy: Proxy | None) -> str:
    """Return the text by which an error says which proxy leads to a server."""
    return "" if proxy is None else f", through {proxy}"


def _proxy(
    host: str, port: str, variables: Sequence[str], exceptions: Sequence[str] = ("no_proxy",)
) -> Proxy | None:
    if _is_local(host):
        return None
    host = host.strip("[]").lower()
    if any(_matches(host, port, one) for one in _exception_words(exceptions)):
        return None
    for variable, value in _values(variables):
        return Proxy(value if "://" in value else f"http://{value}", variable)
    return None


def _values(variables: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in variables:
        for variable in (name, name.upper()):
            if value := os.environ.get(variable, "").strip():
                yield variable, value


def _exception_words(variables: Sequence[str]) -> Iterator[str]:
    for _, value in _values(variables):
        yield from filter(None, value.lower().replace(",", " ").split())


def _is_local(host: str) -> bool:
    host = host.strip("[]").lower()
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _matches(host: str, port: str, exception: str) -> bool:
    """Return whether an exception of `no_proxy` holds: `*`, a domain, an address or a network."""
    if exception == "*":
        return True
    try:
        return ip_address(host) in ip_network(exception.strip("[]"), strict=False)
    except ValueError:
        pass
    name, _, only_port = exception.rpartition(":") if ":" in exception else (exception, "", "")
    if only_port not in ("", port):
        return False
    name = name.strip("[]").removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")
