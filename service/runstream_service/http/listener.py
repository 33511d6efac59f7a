"""Serves HTTP by uvicorn on a port, in the event loop of gRPC."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from runstream_service.access.audit import AuditLog
from runstream_service.access.authentication import Authentication
from runstream_service.access.limits import CallerLimits
from runstream_service.certificates import CertificateFiles
from runstream_service.config import Config
from runstream_service.http.app import build_application
from runstream_service.http.connection import Connection
from runstream_service.http.forwarded import Forwarded
from runstream_service.http.hosts import Hosts
from runstream_service.http.operation import Operation
from runstream_service.http.root_path import RootPath
from runstream_service.http.shutdown import ShutdownMiddleware
from runstream_service.http.tls import ReloadingContext
from runstream_service.ports import HTTP_ADVICE, in_brackets, listen_on

log = logging.getLogger(__name__)

#: Connections at the same time, if the process may have so many files open three times over.
CONNECTIONS = 1_000

# Connections that wait to be accepted.
_BACKLOG = 512
# Seconds between two lines of the log that say that no connection can be accepted.
_ACCEPT_LOG_SECONDS = 10.0

#: Seconds that a handshake of TLS may take, as those of gRPC.
HANDSHAKE_SECONDS = 10.0

#: Seconds that requests under way are given when the server stops.
GRACE = 10.0


class Listener:
    """An HTTP port.

    Attributes:
        address: `host:port` that it listens on.
    """

    def __init__(
        self, config: Config, port: int, certificates: CertificateFiles | None = None
    ) -> None:
        """Take the port; nothing is answered yet.

        Args:
            config: the settings of the server.
            port: port to listen on; 0 takes a free one.
            certificates: those for TLS; None for no TLS.

        Raises:
            CannotListenError: it is taken.
        """
        self._socket = listen_on(config.host, port, HTTP_ADVICE, is_shared=config.worker > 0)
        # Connections inherit the option. asyncio sets it only on sockets that were made for TCP by
        # name, and without it an answer in two parts waits 40 ms for an acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._config = config
        self._certificates = certificates
        self.address = f"{in_brackets(config.host)}:{self._socket.getsockname()[1]}"

    async def start(
        self,
        servicers: Mapping[str, Any],
        operation: Operation,
        authentication: Authentication,
        limits: CallerLimits,
        audit: AuditLog,
    ) -> None:
        """Answer from now on, as `build_application` does."""
        hosts = Hosts(self._config.host, self._config.allowed_hosts)
        application = build_application(
            servicers,
            operation,
            hosts,
            authentication,
            limits,
            audit,
            self._config.frame_ancestors,
        )
        self._app = ShutdownMiddleware(operation.instrument(application))
        config = uvicorn.Config(
            _behind_proxy(self._app, self._config),
            access_log=False,
            backlog=_BACKLOG,
            http=Connection,
            lifespan="off",
            limit_concurrency=_max_connections(),
            log_config=None,
            proxy_headers=False,  # by itself it trusts all of this computer
            server_header=False,
            timeout_graceful_shutdown=int(2 * GRACE),
            ws="none",
        )
        config.load()
        if self._certificates:
            config.ssl = ReloadingContext.of(self._certificates)
        asyncio.get_running_loop().set_exception_handler(_LoopErrorHandler())
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Answer what is under way, after some time with 503, and nothing more."""
        self._server.should_exit = True
        await asyncio.wait((self._serving,), timeout=GRACE)
        self._app.cancel_requests()
        await self._serving


def _behind_proxy(app: ASGIApp, config: Config) -> ASGIApp:
    """Return an application that also answers what the proxies of the settings pass on."""
    if config.root_path:
        app = RootPath(app, config.root_path)
    if config.trusted_proxies:
        app = Forwarded(app, list(config.trusted_proxies))  # type: ignore[arg-type]
    return app


class _LoopErrorHandler:
    """Logs errors of the event loop itself.

    Without a free file descriptor asyncio tries to accept hundreds of connections a second, and
    logs a traceback for each; each tries again later, also where the port is closed by then.
    """

    def __init__(self) -> None:
        self._next = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        message = str(context.get("message"))
        if "BaseSelectorEventLoop._start_serving(" in message:
            return
        if not message.startswith("socket.accept() out of system resource"):
            loop.default_exception_handler(context)
        elif loop.time() >= self._next:
            self._next = loop.time() + _ACCEPT_LOG_SECONDS
            log.error("no connection can be accepted: %s", context.get("exception"))


def _max_connections() -> int:
    """Return how many connections there may be, so that most file descriptors stay free."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if descriptors < 0 else max(1, min(CONNECTIONS, descriptors // 3))


class _Server(uvicorn.Server):
    """Closes connections that are stuck, and leaves the signals to the process it is a part of."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen as uvicorn does, which would wait a minute for a handshake of TLS."""
        await super().startup(sockets=[])
        config = self.config
        for one in sockets or ():
            server = await asyncio.get_running_loop().create_server(
                lambda: Connection(
                    config=config, server_state=self.server_state, app_state=self.lifespan.state
                ),
                sock=one,
                ssl=config.ssl,
                backlog=config.backlog,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if config.ssl else None,
            )
            self.servers.append(server)

    async def on_tick(self, counter: int) -> bool:
        """Look at the connections once a second; ten ticks are one."""
        if counter % 10 == 0:
            connection: Any
            for connection in list(self.server_state.connections):
                connection.close_if_stuck()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
