"""A TCP proxy that can cut connections, or drop all bytes silently."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress


class Proxy:
    """Forwards connections to a server until told otherwise.

    Attributes:
        uri: tracking URI of the server through this proxy.
        connect_targets: the targets of the CONNECT requests of clients, as `host:port`.
    """

    def __init__(
        self, address: str, tls: ssl.SSLContext | None = None, connect: bool = False
    ) -> None:
        """Listen on a free port.

        Args:
            address: `host:port` of the server.
            tls: the proxy's own certificate, if clients are to come by TLS.
            connect: whether clients ask for a server by CONNECT first; they all get this one.
        """
        self.connect_targets: list[str] = []
        self._connect = connect
        host, _, port = address.rpartition(":")
        self._server = (host, int(port))
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._delay = 0.0
        self._silent = threading.Event()
        self._mute = threading.Event()
        scheme = "grpcs" if tls else "grpc"
        self.uri = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections; new ones are accepted."""
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def swallow(self) -> None:
        """From now on pass nothing on, in either direction, and close nothing."""
        self._silent.set()

    def swallow_answers(self) -> None:
        """From now on pass on what clients send, and nothing of what the server sends."""
        self._mute.set()

    def heal(self) -> None:
        """Forward new connections again; those that lost bytes are of no use any more."""
        self._silent.clear()
        self._mute.clear()

    def delay(self, seconds: float) -> None:
        """From now on pass everything on so much later, in both directions."""
        self._delay = seconds

    def close(self) -> None:
        """Break all connections and accept no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`, which `close` does not
        self._listener.close()
        self.cut()

    @property
    def is_used(self) -> bool:
        """Whether a client has connected since the connections were last broken."""
        return bool(self._sockets)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._tls:
                    try:
                        client = self._tls.wrap_socket(client, server_side=True)
                    except OSError:  # the client does not trust the certificate
                        client.close()
                        continue
                if self._connect:
                    self.connect_targets.append(_answer_connect(client))
                try:
                    server = socket.create_connection(self._server)
                except OSError:  # nobody listens there at the moment
                    client.close()
                    continue
                self._sockets += [client, server]
                sent, answered = (client, server, False), (server, client, True)
                for way in (sent, answered):
                    threading.Thread(target=self._forward, args=way, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        lost = False
        with suppress(OSError):
            while data := source.recv(65536):
                lost = lost or self._silent.is_set() or (answers and self._mute.is_set())
                if not lost:
                    time.sleep(self._delay)
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def _answer_connect(client: socket.socket) -> str:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(1)
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    return request.split()[1].decode()
