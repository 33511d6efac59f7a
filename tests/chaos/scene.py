"""What rounds share: a server that is started again when it was killed, a network, a client."""

from __future__ import annotations

import signal
from pathlib import Path

from chaos.forks import Forks
from runstream import TrackingClient
from support.proxy import Proxy
from support.server_process import ServerProcess


class Scene:
    """The server, the network in front of it, and the process from which trainers are forked.

    Attributes:
        server: the server.
        proxy: the network.
        forks: starts trainers.
        client: reads what the server has, past the network.
    """

    def __init__(self, database: Path) -> None:
        """Start everything, on a database."""
        self.server = ServerProcess(database)
        self.proxy = Proxy(self.server.address)
        self.forks = Forks()
        self.client = TrackingClient(self.server.uri)

    def kill_server(self) -> None:
        """Kill the server."""
        if self.server.process.poll() is None:
            self.server.kill()

    def revive_server(self) -> None:
        """Start the server again, if it was killed."""
        if self.server.process.poll() is not None:
            self.server.restart()

    def heal(self) -> None:
        """Let everything work again."""
        self.proxy.delay(0)
        self.proxy.heal()
        self.server.process.send_signal(signal.SIGCONT)
        self.revive_server()
        self.proxy.cut()  # connections that lost bytes are of no use

    def close(self) -> None:
        """Stop everything."""
        self.heal()
        self.client.close()
        self.proxy.close()
        self.forks.stop()
        self.server.stop()
