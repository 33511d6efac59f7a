"""From the headers and the peer of a call to its caller."""

from __future__ import annotations

from collections.abc import Mapping

from runstream_service.access.caller import ANYONE, Caller


class Authentication:
    """Finds out who calls; gRPC and HTTP ask it once for each call."""

    async def authenticate(self, headers: Mapping[str, str], peer: str) -> Caller:  # noqa: ARG002 # nobody has to say who they are yet
        """Return the caller.

        Args:
            headers: the metadata of a call of gRPC, or the headers of a request, by lower-case
                name.
            peer: the address of the caller, such as `ipv4:192.0.2.7:50112`.

        Raises:
            Unauthenticated: they do not say who they are, or cannot prove it.
        """
        return ANYONE
