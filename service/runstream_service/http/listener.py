"""Serves the HTTP side on a port, in the event loop that is there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from runstream_service.http.app import application
from runstream_service.http.artifacts import ArtifactProxy
from runstream_service.http.downloads import Downloads
from runstream_service.http.hosts import Hosts
from runstream_service.storage.blobs import Blobs
from runstream_service.store.database import CannotOpenError
from runstream_service.store.readers import Readers

# Seconds that requests under way are given when the server stops.
_GRACE = 10


class Listener:
    """An HTTP port.

    Attributes:
        address: `host:port` that it listens on.
    """

    def __init__(self, host: str, port: int, allowed_hosts: Sequence[str]) -> None:
        """Take the port; nothing is answered yet.

        Args:
            host: interface to listen on.
            port: port to listen on; 0 takes a free one.
            allowed_hosts: names under which the server is reached, beside those that it knows.

        Raises:
            CannotOpenError: it is taken.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host.strip("[]"), port), family=family)
        except OSError as error:
            raise CannotOpenError(
                f"cannot listen on {host}:{port}: {error}; --http-port takes another port, or off"
            ) from error
        # Connections inherit it. asyncio sets it only on sockets that say that they are TCP, which
        # these do not; and an answer in two parts would wait 40 ms for its acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hosts = Hosts(host, allowed_hosts)
        self.address = f"{host}:{self._socket.getsockname()[1]}"

    async def start(self, servicers: Mapping[str, Any], readers: Readers, blobs: Blobs) -> None:
        """Answer from now on.

        Args:
            servicers: what answers the RPCs, by the full name of the service.
            readers: read of runs where their artifacts are.
            blobs: the contents of artifacts.
        """
        config = uvicorn.Config(
            application(
                servicers, ArtifactProxy(readers, blobs), Downloads(readers, blobs), self._hosts
            ),
            access_log=False,
            http="httptools",
            lifespan="off",
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            ws="none",
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Answer what is under way, and nothing more."""
        self._server.should_exit = True
        await self._serving


class _Server(uvicorn.Server):
    """Leaves the signals to the process that it is a part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
