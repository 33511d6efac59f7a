"""A proxy of HTTP that shows a server below a path, as nginx and its like do."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Headers of one connection, which are not passed on.
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


class ReverseProxy:
    """Passes requests below a path on to a server, from 127.0.0.1.

    Attributes:
        uri: the URI of the server through this proxy.
        headers: what it sets of each request, in place of what the client sent.
    """

    def __init__(self, uri: str, path: str, strips: bool, **headers: str) -> None:
        """Listen on a free port.

        Args:
            uri: the server.
            path: where it shows the server, such as `/runstream`.
            strips: whether it takes the path away from what it passes on.
            headers: headers that it sets, with `_` for `-`.
        """
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        server, shown, prefix = urlsplit(uri).netloc, self, path

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                shown._pass_on(self, server, prefix, strips)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self._listener.server_address[1]}{path}"

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.shutdown()
        self._listener.server_close()

    def _pass_on(
        self, client: BaseHTTPRequestHandler, server: str, prefix: str, strips: bool
    ) -> None:
        if client.path.partition("?")[0] != prefix and not client.path.startswith(f"{prefix}/"):
            client.send_error(404)
            return
        headers = {n: v for n, v in client.headers.items() if n.lower() not in _HOP_BY_HOP}
        sent = {"Host": client.headers["Host"], **headers, **self.headers}
        body = client.rfile.read(int(client.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection(server, timeout=60)
        path = client.path.removeprefix(prefix) if strips else client.path
        upstream.request(client.command, path or "/", body or None, sent)
        answer = upstream.getresponse()
        client.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                client.send_header(name, value)
        client.end_headers()
        try:
            while part := answer.read1(65536):
                client.wfile.write(part)
                client.wfile.flush()
        except OSError:  # the client has gone
            pass
        finally:
            upstream.close()
