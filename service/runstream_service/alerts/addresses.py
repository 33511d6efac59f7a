"""Which addresses webhooks may have: none of this machine or a private network, unless allowed.

Who may write to an experiment chooses them, and must not reach what only the server reaches.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Gateways translate these to the IPv4 address in their last 32 bits (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# These, too, to addresses that only the gateway can tell (RFC 8215).
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet, which anybody can reach."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip in _LOCAL_NAT64:
            return False
        embedded = _embedded(ip)
        if embedded is not None:
            return is_public(str(embedded))
    is_special = (
        ip.is_private
        or ip.is_loopback
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
    )
    return ip.is_global and not is_special


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
    return False


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return None
