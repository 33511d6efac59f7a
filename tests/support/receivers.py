"""Those who are told of alerts: a server of webhooks, and one of SMTP, on this machine."""

from __future__ import annotations

import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Posted(NamedTuple):
    """A message that came to a webhook."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server of webhooks.

    Attributes:
        url: where it is.
        posted: what came, in order.
        status: what it answers.
        headers: what it says in its answers besides.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.posted: list[Posted] = []
        self.status = 204
        self.headers = {"location": "/elsewhere"}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # what the server calls
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                receiver.posted.append(Posted(self.path, headers, body))
                self.send_response(receiver.status)
                for key, value in receiver.headers.items():
                    self.send_header(key, value)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Mailbox(socketserver.ThreadingTCPServer):
    """A server of SMTP (RFC 5321), that asks who calls and keeps what comes.

    Attributes:
        mails: the texts of the mails.
        commands: the lines that came, but for those of mails.
    """

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None, is_secure: bool) -> None:
        self.mails: list[str] = []
        self.commands: list[str] = []
        self.tls, self.is_secure = tls, is_secure
        super().__init__(("127.0.0.1", 0), _Session)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing of a client that does not trust the certificate."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        if self.server.is_secure:
            self._begin_tls()
        self._say("220 ready")
        while line := self.rfile.readline():
            command = line.decode().strip()
            self.server.commands.append(command)
            verb = command.partition(" ")[0].upper()
            if verb == "EHLO":
                self._say("250-mailbox")
                if self.server.tls and not isinstance(self.connection, ssl.SSLSocket):
                    self._say("250-STARTTLS")
                self._say("250 AUTH PLAIN")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self._begin_tls()
            elif verb == "AUTH":
                self._say("235 known")
            elif verb == "DATA":
                self._say("354 go on")
                lines = list(iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), "."))
                self.server.mails.append("\n".join(lines))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # that of TLS, which nobody else knows

    def _begin_tls(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def _served(serve: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        close()
        thread.join()


@contextmanager
def open_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve webhooks, with `tls` over HTTPS."""
    receiver = Receiver(tls)
    with _served(receiver.serve, receiver.close):
        yield receiver


@contextmanager
def open_mailbox(
    tls: ssl.SSLContext | None = None, *, is_secure: bool = False
) -> Iterator[Mailbox]:
    """Serve SMTP; with `tls` by STARTTLS, or `is_secure` from the connection on."""
    mailbox = Mailbox(tls, is_secure)

    def close() -> None:
        mailbox.shutdown()
        mailbox.server_close()

    with _served(lambda: mailbox.serve_forever(0.05), close):
        yield mailbox
