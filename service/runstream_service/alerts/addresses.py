"""Which addresses webhooks may have: none of this machine or a private network, unless allowed.

Who may write to an experiment chooses them, and must not reach what only the server reaches.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import inet_aton, inet_ntoa

# Gateways translate these to the IPv4 address in their last 32 bits (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# All other IPv6 addresses of the internet are of this block (RFC 4291), but for its documentation
# addresses (RFC 9637).
_GLOBAL = IPv6Network("2000::/3")
_DOCUMENTATION = IPv6Network("3fff::/20")
# Protocols have these to themselves (RFC 6890), also those of them that may be reached.
_PROTOCOLS = IPv4Network("192.0.0.0/24")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet, which anybody can reach."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        embedded = _embedded(ip)
        if embedded is not None:
            return is_public(str(embedded))
        return ip.is_global and ip in _GLOBAL and ip not in _DOCUMENTATION
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip in _PROTOCOLS)


def names_private(host: str) -> bool:
    """Return whether the host of a URL is a private address, or a name of this machine.

    Of all other names only a look-up tells, each time that they are called.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with suppress(ValueError):
        ip_address(name.partition("%")[0])
        return not is_public(name)
    with suppress(OSError):  # as 127.1, 0x7f000001 and 2130706433
        return not is_public(inet_ntoa(inet_aton(name)))
    return False


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
