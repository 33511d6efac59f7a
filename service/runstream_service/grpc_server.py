"""The gRPC server: its services, its limits, its address and its health."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from runstream.rules import MESSAGE_BYTES
from runstream.v1.access_service_pb2_grpc import add_AccessServiceServicer_to_server
from runstream.v1.alert_service_pb2_grpc import add_AlertServiceServicer_to_server
from runstream.v1.artifact_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from runstream.v1.document_service_pb2_grpc import add_DocumentServiceServicer_to_server
from runstream.v1.experiment_service_pb2_grpc import add_ExperimentServiceServicer_to_server
from runstream.v1.logged_model_service_pb2_grpc import add_LoggedModelServiceServicer_to_server
from runstream.v1.logging_service_pb2_grpc import add_LoggingServiceServicer_to_server
from runstream.v1.maintenance_service_pb2_grpc import add_MaintenanceServiceServicer_to_server
from runstream.v1.metric_service_pb2_grpc import add_MetricServiceServicer_to_server
from runstream.v1.model_registry_service_pb2_grpc import (
    add_ModelRegistryServiceServicer_to_server,
)
from runstream.v1.run_service_pb2_grpc import add_RunServiceServicer_to_server
from runstream.v1.server_service_pb2_grpc import add_ServerServiceServicer_to_server
from runstream.v1.watch_service_pb2_grpc import add_WatchServiceServicer_to_server
from runstream_service.certificates import CertificateFiles
from runstream_service.config import Config
from runstream_service.ports import GRPC_ADVICE, CannotListenError, in_brackets, listen_on

_ADD_SERVICER: dict[str, Callable[[Any, Any], None]] = {
    "runstream.v1.ExperimentService": add_ExperimentServiceServicer_to_server,
    "runstream.v1.RunService": add_RunServiceServicer_to_server,
    "runstream.v1.LoggingService": add_LoggingServiceServicer_to_server,
    "runstream.v1.MetricService": add_MetricServiceServicer_to_server,
    "runstream.v1.WatchService": add_WatchServiceServicer_to_server,
    "runstream.v1.ArtifactService": add_ArtifactServiceServicer_to_server,
    "runstream.v1.LoggedModelService": add_LoggedModelServiceServicer_to_server,
    "runstream.v1.ModelRegistryService": add_ModelRegistryServiceServicer_to_server,
    "runstream.v1.MaintenanceService": add_MaintenanceServiceServicer_to_server,
    "runstream.v1.ServerService": add_ServerServiceServicer_to_server,
    "runstream.v1.AccessService": add_AccessServiceServicer_to_server,
    "runstream.v1.DocumentService": add_DocumentServiceServicer_to_server,
    "runstream.v1.AlertService": add_AlertServiceServicer_to_server,
}
SERVICES = tuple(_ADD_SERVICER)

#: Calls and streams that are open at once; more are refused as RESOURCE_EXHAUSTED.
CALLS = 10_000

#: Of them, those of one connection; more wait in the client.
CONNECTION_CALLS = 4_000

_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", CONNECTION_CALLS),
    # 64 KiB of a stream may arrive before they are read. gRPC would raise that to megabytes on a
    # fast network, for each of the thousands of streams that there may be.
    ("grpc.http2.bdp_probe", 0),
    # A connection without a handshake, or without a call for so long, is closed. A client that
    # needs the connection again connects by itself.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
    # A peer that vanished is noticed within 40 seconds. Clients may ping every ten seconds, also
    # while they send nothing.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # a ping of gRPC's own may be under way already
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)


class GrpcServer:
    """A server of gRPC on one address.

    Attributes:
        address: what clients connect to, `host:port` or `unix:/path`.
    """

    def __init__(
        self,
        config: Config,
        interceptors: Sequence[grpc.aio.ServerInterceptor],
        certificates: CertificateFiles | None = None,
    ) -> None:
        """Take the address; nothing is answered yet.

        Args:
            config: the settings of the server.
            interceptors: what each call passes.
            certificates: those for TLS; None for no TLS.

        Raises:
            CannotListenError: the address is taken, or cannot be used.
        """
        # A second server on a port must fail, and not share it as the workers of one server do.
        options = (*_OPTIONS, ("grpc.so_reuseport", int(config.worker > 0)))
        self._server = grpc.aio.server(
            interceptors=interceptors, options=options, maximum_concurrent_rpcs=CALLS
        )
        self._health = health.aio.HealthServicer()
        self.address = _listen(self._server, config, certificates)

    @property
    def port(self) -> int:
        """The TCP port of the address; 0 for a Unix socket."""
        is_socket = self.address.startswith("unix:")
        return 0 if is_socket else int(self.address.rpartition(":")[2])

    async def start(self, servicers: Mapping[str, Any]) -> None:
        """Answer from now on; `servicers` are those of the contract, by the name of the service."""
        services: Any = _ServicesByName(self._server)
        for name, servicer in servicers.items():
            _ADD_SERVICER[name](servicer, services)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, services)
        names = [*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        await self._server.start()

    async def report_health(self, is_serving: bool) -> None:
        """Let the health service answer SERVING or NOT_SERVING, for all services alike."""
        status = health_pb2.HealthCheckResponse
        for service in ("", *SERVICES):
            await self._health.set(service, status.SERVING if is_serving else status.NOT_SERVING)

    async def report_stopping(self) -> None:
        """Let the health service answer NOT_SERVING, for ever."""
        await self._health.enter_graceful_shutdown()


class _ServicesByName:
    """Adds services to a server of gRPC that looks their methods up by name.

    Generated code registers each method as well. Then the server waits for a call of every single
    one, and begins to wait for all of them anew with each call that comes.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Do nothing."""


def _listen(server: grpc.aio.Server, config: Config, certificates: CertificateFiles | None) -> str:
    """Return the address that clients connect to."""
    host = in_brackets(config.host)
    address = config.listen or f"{host}:{config.port}"
    try:
        if not config.listen and not config.worker:
            # gRPC says on stderr in its own words what went wrong, and nothing in its exception,
            # so the port is tried without gRPC first.
            listen_on(config.host, config.port, GRPC_ADVICE).close()
        port = (
            server.add_secure_port(address, _credentials(certificates))
            if certificates
            else server.add_insecure_port(address)
        )
    except (OSError, RuntimeError) as error:
        text = f"cannot listen on {address}: {error}"
        raise CannotListenError(text if config.listen else f"{text}; {GRPC_ADVICE}") from error
    return address if config.listen else f"{host}:{port}"


def _credentials(files: CertificateFiles) -> grpc.ServerCredentials:
    """Return credentials for which gRPC asks again when a connection begins."""
    given = files.current()

    def configure() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(given.key, given.chain)], given.client_ca
        )

    def reconfigure() -> Any:  # None keeps what there is, which the stubs of the types do not know
        nonlocal given
        current = files.current()
        if current is given:
            return None
        given = current
        return configure()

    return grpc.dynamic_ssl_server_credentials(
        configure(), reconfigure, require_client_authentication=given.client_ca is not None
    )
