"""Those who are told of alerts: a server of webhooks, and one of SMTP, on this machine."""

from __future__ import annotations

import socketserver
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
    """

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # what the server calls
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                receiver.posted.append(Posted(self.path, headers, body))
                self.send_response(receiver.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Mailbox(socketserver.ThreadingTCPServer):
    """A server of SMTP without TLS (RFC 5321), that asks who calls and keeps what comes.

    Attributes:
        mails: the texts of the mails.
        commands: the lines that came, but for those of mails.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.commands: list[str] = []
        super().__init__(("127.0.0.1", 0), _Session)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 ready")
        for line in iter(self.rfile.readline, b""):
            command = line.decode().strip()
            self.server.commands.append(command)
            verb = command.partition(" ")[0].upper()
            if verb == "EHLO":
                self._say("250-mailbox")
                self._say("250 AUTH PLAIN")
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
def open_receiver() -> Iterator[Receiver]:
    """Serve webhooks."""
    receiver = Receiver()
    with _served(receiver.serve, receiver.close):
        yield receiver


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """Serve SMTP."""
    mailbox = Mailbox()

    def close() -> None:
        mailbox.shutdown()
        mailbox.server_close()

    with _served(lambda: mailbox.serve_forever(0.05), close):
        yield mailbox
