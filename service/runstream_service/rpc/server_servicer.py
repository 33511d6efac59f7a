"""ServerService: the version and the ports of the server."""

from __future__ import annotations

from importlib.metadata import version
from typing import Protocol

from runstream.v1 import server_service_pb2 as pb
from runstream.v1.server_service_pb2_grpc import ServerServiceServicer
from runstream_service import built_interface
from runstream_service.rpc.call_context import CallContext


class HttpServer(Protocol):
    """The HTTP server, whether it serves or not."""

    @property
    def port(self) -> int:
        """The port; 0 while HTTP is not served."""

    @property
    def is_secure(self) -> bool:
        """Whether HTTP is served over TLS."""

    async def serve(self) -> int:
        """Serve HTTP from now on, and return the port; raises FailedPrecondition."""


class ServerServicer(ServerServiceServicer):
    def __init__(self, http: HttpServer, grpc_port: int) -> None:
        self._http = http
        self._grpc_port = grpc_port

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: CallContext
    ) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(
            version=version("runstream"),
            grpc_port=self._grpc_port,
            http_port=self._http.port,
            has_interface=built_interface.is_built(),
            http_is_secure=self._http.is_secure,
        )

    async def ServeHttp(
        self, request: pb.ServeHttpRequest, context: CallContext
    ) -> pb.ServeHttpResponse:
        return pb.ServeHttpResponse(http_port=await self._http.serve())
