"""The HTTP server of a process: it starts with the process, at the first ServeHttp, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runstream.errors import FailedPrecondition
from runstream_service.config import Config

if TYPE_CHECKING:
    from runstream_service.access.audit import AuditLog
    from runstream_service.access.authentication import Authentication
    from runstream_service.access.limits import CallerLimits
    from runstream_service.certificates import CertificateFiles
    from runstream_service.http.listener import Listener
    from runstream_service.http.operation import Operation


class HttpServer:
    """The HTTP server, whether it serves or not."""

    def __init__(self, config: Config, certificates: CertificateFiles | None = None) -> None:
        """Take the port, if HTTP is to be served from the start.

        Args:
            config: the settings of the server.
            certificates: those for TLS; None for no TLS.

        Raises:
            CannotListenError: it is taken.
        """
        self._config = config
        self._certificates = certificates
        self._listener = None if config.http_port is None else self._listen(config.http_port)
        self._starting = asyncio.Lock()

    @property
    def address(self) -> str:
        """`host:port` that HTTP is served on; empty while it is not."""
        return "" if self._listener is None else self._listener.address

    @property
    def is_secure(self) -> bool:
        """Whether HTTP is served over TLS."""
        return self._certificates is not None

    @property
    def port(self) -> int:
        """The port of `address`; 0 while HTTP is not served."""
        return int(self.address.rpartition(":")[2] or 0)

    async def start(
        self,
        servicers: Mapping[str, Any],
        operation: Operation,
        authentication: Authentication,
        limits: CallerLimits,
        audit: AuditLog,
    ) -> None:
        """Answer, if the port was taken, or be ready to when it is asked for; see `Listener`."""
        self._application = servicers, operation, authentication, limits, audit
        if self._listener is not None:
            await self._listener.start(*self._application)

    async def serve(self) -> int:
        """Serve HTTP from now on, and return the port.

        Raises:
            FailedPrecondition: the server was started without HTTP.
        """
        async with self._starting:
            if self._listener is None:
                if self._config.listen is None:
                    raise FailedPrecondition(
                        "this server was started with --http-port off", reason="HTTP_OFF"
                    )
                listener = self._listen(0)
                await listener.start(*self._application)
                self._listener = listener
        return self.port

    async def stop(self) -> None:
        """Answer what is under way, and nothing more."""
        if self._listener is not None:
            await self._listener.stop()

    def _listen(self, port: int) -> Listener:
        # Not imported above: the server of a file starts sooner without the packages of HTTP.
        from runstream_service.http.listener import Listener

        return Listener(self._config, port, self._certificates)
