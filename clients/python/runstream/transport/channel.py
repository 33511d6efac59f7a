"""A gRPC channel to a server: its options and its stubs."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import grpc

from runstream.contract.wire_history import decode_history_response
from runstream.rules import MESSAGE_BYTES
from runstream.transport.certificates import channel_credentials
from runstream.transport.proxies import grpc_proxy, is_on_this_computer
from runstream.transport.thread_start import start_thread
from runstream.transport.token import TokenChannel, TokenSource
from runstream.v1.experiment_service_pb2_grpc import ExperimentServiceStub
from runstream.v1.logging_service_pb2 import LogBatchResponse
from runstream.v1.logging_service_pb2_grpc import LoggingServiceStub
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.metric_service_pb2_grpc import MetricServiceStub
from runstream.v1.run_service_pb2_grpc import RunServiceStub
from runstream.v1.server_service_pb2_grpc import ServerServiceStub

if TYPE_CHECKING:
    from runstream.v1.access_service_pb2_grpc import AccessServiceStub
    from runstream.v1.alert_service_pb2_grpc import AlertServiceStub
    from runstream.v1.artifact_service_pb2_grpc import ArtifactServiceStub
    from runstream.v1.document_service_pb2_grpc import DocumentServiceStub
    from runstream.v1.logged_model_service_pb2_grpc import LoggedModelServiceStub
    from runstream.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub
    from runstream.v1.model_registry_service_pb2_grpc import ModelRegistryServiceStub
    from runstream.v1.watch_service_pb2_grpc import WatchServiceStub

# Seconds that the close of a channel may take.
_CLOSE_SECONDS = 2.0

_OPTIONS = (
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # A run with many params and tags, or a page of history, may be larger than a request.
    ("grpc.max_receive_message_length", 16 * MESSAGE_BYTES),
    # A peer that vanished without closing the connection is noticed within 20 seconds.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 8_000),
    ("grpc.http2.ping_timeout_ms", 8_000),  # a ping of gRPC's own may be under way already
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Otherwise a new channel to the same server would inherit the pauses of the old one.
    ("grpc.use_local_subchannel_pool", 1),
    # After a break the name of a server is looked up again, which may have moved meanwhile.
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
)

# A name may stand for several servers; they take turns, and one that does not answer is left out.
# `localhost` stands for two addresses of one server, of which it often has only one.
_ROUND_ROBIN = ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')


def open_channel(address: str, secure: bool) -> grpc.Channel:
    """Return a channel, which connects when it is first used, through a proxy if one leads there.

    Calls are balanced over all servers that a name stands for, unless it is this computer's.

    Args:
        address: what gRPC dials.
        secure: whether to use TLS, with the certificates of the environment.

    Raises:
        Unavailable: a file of certificates cannot be read.
    """
    proxy = grpc_proxy(address)
    proxy_option = (
        ("grpc.enable_http_proxy", 0) if proxy is None else ("grpc.http_proxy", proxy.uri)
    )
    balancing = () if is_on_this_computer(address) else (_ROUND_ROBIN,)
    options = (*_OPTIONS, proxy_option, *balancing)
    if secure:
        return grpc.secure_channel(address, channel_credentials(), options=options)
    return grpc.insecure_channel(address, options=options)


def close_channel(channel: grpc.Channel) -> None:
    """Close a channel, and wait for that no longer than it takes in a healthy process.

    An interrupt of the main thread, while it starts a call or waits for one, can leave a lock of
    gRPC held for ever, or a call whose end nobody notices. The close would wait for it for ever.
    """
    closing = threading.Thread(target=channel.close, daemon=True)
    if start_thread(closing) is None:
        closing.join(_CLOSE_SECONDS)
    else:
        channel.close()


class Stubs:
    """The stubs of a channel; those that few programs need are imported when they are first used.

    Attributes:
        channel: the channel.
        address: the server that it leads to.
    """

    def __init__(self, channel: grpc.Channel, address: str, token: TokenSource) -> None:
        """Make the stubs.

        Args:
            channel: the channel.
            address: the server that it leads to.
            token: says who calls.
        """
        self.channel = channel
        self.address = address
        calls: Any = TokenChannel(channel, token)
        self._calls = calls
        self.experiments = ExperimentServiceStub(calls)
        self.runs = RunServiceStub(calls)
        self.logs = LoggingServiceStub(calls)
        self.metrics = MetricServiceStub(calls)
        self.server = ServerServiceStub(calls)
        # Batches are serialized when they are made, because their size counts from then on.
        self.log_batch: Any = calls.stream_stream(
            "/runstream.v1.LoggingService/LogBatch",
            response_deserializer=LogBatchResponse.FromString,
        )
        # Columns of histories stay bytes, which become arrays as they are.
        self.read_metric_history: Any = calls.unary_stream(
            "/runstream.v1.MetricService/ReadMetricHistory",
            request_serializer=ReadMetricHistoryRequest.SerializeToString,
            response_deserializer=decode_history_response,
        )

    @cached_property
    def watches(self) -> WatchServiceStub:
        from runstream.v1.watch_service_pb2_grpc import WatchServiceStub

        return WatchServiceStub(self._calls)

    @cached_property
    def artifacts(self) -> ArtifactServiceStub:
        from runstream.v1.artifact_service_pb2_grpc import ArtifactServiceStub

        return ArtifactServiceStub(self._calls)

    @cached_property
    def models(self) -> LoggedModelServiceStub:
        from runstream.v1.logged_model_service_pb2_grpc import LoggedModelServiceStub

        return LoggedModelServiceStub(self._calls)

    @cached_property
    def registry(self) -> ModelRegistryServiceStub:
        from runstream.v1.model_registry_service_pb2_grpc import ModelRegistryServiceStub

        return ModelRegistryServiceStub(self._calls)

    @cached_property
    def maintenance(self) -> MaintenanceServiceStub:
        from runstream.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub

        return MaintenanceServiceStub(self._calls)

    @cached_property
    def access(self) -> AccessServiceStub:
        from runstream.v1.access_service_pb2_grpc import AccessServiceStub

        return AccessServiceStub(self._calls)

    @cached_property
    def documents(self) -> DocumentServiceStub:
        from runstream.v1.document_service_pb2_grpc import DocumentServiceStub

        return DocumentServiceStub(self._calls)

    @cached_property
    def alerts(self) -> AlertServiceStub:
        from runstream.v1.alert_service_pb2_grpc import AlertServiceStub

        return AlertServiceStub(self._calls)
