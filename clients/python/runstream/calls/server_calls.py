"""The calls of a client about the server itself."""

from __future__ import annotations

from runstream import entities
from runstream.transport import tracking_uri
from runstream.transport.connection import Connection
from runstream.v1 import server_service_pb2 as server


class ServerCalls:
    """The part of `TrackingClient` that speaks to ServerService."""

    _connection: Connection

    def get_server_info(self) -> entities.ServerInfo:
        """Return the version of the server, one of several, and the ports that it listens on."""
        _, answer = self._connection.locate_server()
        return entities.ServerInfo(
            answer.version, answer.grpc_port, answer.http_port, answer.has_interface
        )

    def serve_http(self) -> int:
        """Let the server of a file serve HTTP and the web interface, and return the port.

        Raises:
            FailedPrecondition: it is another server, which was started without HTTP.
        """
        request = server.ServeHttpRequest()
        return self._connection.call(lambda stubs: stubs.server.ServeHttp, request).http_port

    def interface_uri(self, run_id: str = "", experiment_id: str = "") -> str | None:
        """Return the address of the web interface, or of a run or an experiment in it.

        None if the server serves no HTTP, if its interface was not built, or if it is reached over
        TLS by a proxy before it, whose address for browsers is unknown.

        Args:
            run_id: the run whose page is wanted; then its experiment must be named, too.
            experiment_id: the experiment whose page is wanted.
        """
        target = tracking_uri.parse(self._connection.uri)
        address, info = self._connection.locate_server()
        if not info.http_port or not info.has_interface:
            return None
        if target.secure and not info.http_is_secure:
            return None
        has_host = address in target.addresses and not address.startswith("unix:")
        host = address.rpartition(":")[0] if has_host else "127.0.0.1"
        path = f"#/experiments/{experiment_id}" if experiment_id else ""
        path += f"/runs/{run_id}" if run_id else ""
        return f"http{'s' if info.http_is_secure else ''}://{host}:{info.http_port}/{path}"
