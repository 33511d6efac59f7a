"""One server process: what it opens, in which order it starts and stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from runstream.rules import MESSAGE_BYTES
from runstream.transport.embedded import remove_socket
from runstream.v1.artifact_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from runstream.v1.experiment_service_pb2_grpc import add_ExperimentServiceServicer_to_server
from runstream.v1.logged_model_service_pb2_grpc import add_LoggedModelServiceServicer_to_server
from runstream.v1.logging_service_pb2_grpc import add_LoggingServiceServicer_to_server
from runstream.v1.maintenance_service_pb2_grpc import add_MaintenanceServiceServicer_to_server
from runstream.v1.metric_service_pb2_grpc import add_MetricServiceServicer_to_server
from runstream.v1.run_service_pb2_grpc import add_RunServiceServicer_to_server
from runstream.v1.server_service_pb2_grpc import add_ServerServiceServicer_to_server
from runstream.v1.watch_service_pb2_grpc import add_WatchServiceServicer_to_server
from runstream_service.allocator import give_large_blocks_back
from runstream_service.care.lock import DatabaseLock
from runstream_service.config import Config
from runstream_service.engine import settings
from runstream_service.engine.database import (
    CannotOpenError,
    close_database,
    open_database,
    sqlite_file,
)
from runstream_service.engine.readers import Readers
from runstream_service.engine.served_files import ServedFiles, check_regularly
from runstream_service.engine.writer import Writer
from runstream_service.files.artifact_root import open_storage
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.storage import Storage
from runstream_service.http.http_server import HttpServer
from runstream_service.ingest.ingest import Ingest
from runstream_service.live.feed import Feed
from runstream_service.live.heartbeats import Heartbeats, mark_lost_runs_regularly
from runstream_service.rpc import page_token
from runstream_service.rpc.artifact_servicer import ArtifactServicer
from runstream_service.rpc.experiment_servicer import ExperimentServicer
from runstream_service.rpc.interceptor import Calls
from runstream_service.rpc.logged_model_servicer import LoggedModelServicer
from runstream_service.rpc.logging_servicer import LoggingServicer
from runstream_service.rpc.maintenance_servicer import MaintenanceServicer
from runstream_service.rpc.metric_servicer import MetricServicer
from runstream_service.rpc.run_servicer import RunServicer
from runstream_service.rpc.server_servicer import ServerServicer
from runstream_service.rpc.watch_servicer import WatchServicer

log = logging.getLogger(__name__)

_ADD: dict[str, Callable[[Any, Any], None]] = {
    "runstream.v1.ExperimentService": add_ExperimentServiceServicer_to_server,
    "runstream.v1.RunService": add_RunServiceServicer_to_server,
    "runstream.v1.LoggingService": add_LoggingServiceServicer_to_server,
    "runstream.v1.MetricService": add_MetricServiceServicer_to_server,
    "runstream.v1.WatchService": add_WatchServiceServicer_to_server,
    "runstream.v1.ArtifactService": add_ArtifactServiceServicer_to_server,
    "runstream.v1.LoggedModelService": add_LoggedModelServiceServicer_to_server,
    "runstream.v1.MaintenanceService": add_MaintenanceServiceServicer_to_server,
    "runstream.v1.ServerService": add_ServerServiceServicer_to_server,
}
SERVICES = tuple(_ADD)

#: Calls and streams that are open at once; more are refused as RESOURCE_EXHAUSTED.
CALLS = 10_000

# Seconds that calls under way are given when the server stops.
GRACE = 10.0

_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    # What may come of a stream before it is asked for is 64 KiB. gRPC would raise that to megabytes
    # on a fast network, for each of the thousands of streams that there may be.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.so_reuseport", 0),  # a second server on a port must fail, not share it
    # A connection that says nothing at all, and one on which nothing was asked for so long, is
    # closed; a client that comes back to one connects again by itself.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
    # A peer that vanished without a word is noticed within 40 seconds, and clients may ask
    # every ten seconds whether we are there, also while nothing is sent.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # a ping of gRPC's own may be under way already
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)


def run(config: Config) -> None:
    """Serve until SIGTERM, SIGINT or the idle timeout.

    Raises:
        SystemExit: with status 2, after one line on stderr, if the server cannot start.
    """
    logging.basicConfig(
        level=config.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # It says when it starts, and repeats what `http/errors.py` says of a fault.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    logging.getLogger("peewee").setLevel(max(logging.WARNING, logging.root.level))
    give_large_blocks_back()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection takes a descriptor
    try:
        file = sqlite_file(config.database)
        lock = DatabaseLock(file, config.lock_fd)
        try:
            open_database(file)
            files = ServedFiles(file, at_end=lambda: remove_socket(config.listen or ""))
            asyncio.run(_serve(config, lock, files))
        finally:
            close_database()
            lock.release()
    except CannotOpenError as error:
        print(f"runstream server: {error}", file=sys.stderr)  # noqa: T201 # for the person who started it
        raise SystemExit(2) from None


async def _serve(config: Config, lock: DatabaseLock, served: ServedFiles) -> NoReturn:
    feed, heartbeats = Feed(), Heartbeats(config.lost_after)
    ingest = Ingest(heartbeats)
    writer, readers, calls = Writer(served, ingest, feed), Readers(served), Calls()
    files = FileThreads()
    try:
        server = grpc.aio.server(
            interceptors=[calls], options=_OPTIONS, maximum_concurrent_rpcs=CALLS
        )
        address = _listen(server, config)
        http = HttpServer(config)
        page_token.set_signing_key(await readers.run(settings.page_token_key))
        storage, staging = open_storage(config.artifact_root, served.database, files)
        blobs = ArtifactStore(writer, readers, storage, staging)
        logs, watches = (
            LoggingServicer(writer, ingest, heartbeats),
            WatchServicer(writer, readers, feed),
        )
        servicers = {
            "runstream.v1.ExperimentService": ExperimentServicer(writer, readers),
            "runstream.v1.RunService": RunServicer(writer, readers, ingest),
            "runstream.v1.LoggingService": logs,
            "runstream.v1.MetricService": MetricServicer(readers),
            "runstream.v1.WatchService": watches,
            "runstream.v1.ArtifactService": ArtifactServicer(readers, blobs),
            "runstream.v1.LoggedModelService": LoggedModelServicer(writer, readers),
            "runstream.v1.MaintenanceService": MaintenanceServicer(writer, readers, blobs),
            "runstream.v1.ServerService": ServerServicer(http, _port(address)),
        }
        services: Any = _ServicesByName(server)
        for name, servicer in servicers.items():
            _ADD[name](servicer, services)
        health_servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, services)
        reflection.enable_server_reflection(
            [*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME], server
        )
        await server.start()
        await http.start(servicers, readers, blobs)
        await _report(health_servicer, health_pb2.HealthCheckResponse.SERVING)
        stop = _stop_signal()  # before anybody hears of us, and may want to stop us
        lock.announce(address)
        _greet(config, served.database, storage, address, http)
        # What is alive now lives as long as the server, and rows and columns are no cycles: the
        # collector need not look at the former again, nor so often at the latter.
        gc.freeze()
        # The event loop waits no longer than this for a thread that is busy in Python, and a reader
        # five times for a row of tables: the interpreter changes hands around every step of SQLite.
        sys.setswitchinterval(0.0002)
        gc.set_threshold(100_000, 20, 20)

        looking = asyncio.gather(
            mark_lost_runs_regularly(writer, heartbeats, config.lost_after), check_regularly(served)
        )
        await _until_stopped(stop, calls, config.idle_timeout)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)  # or its end would be logged
        log.debug("stopping")
        await health_servicer.enter_graceful_shutdown()
        logs.stop_reading()
        watches.stop_watching()
        await asyncio.gather(calls.stop(GRACE), http.stop())
    finally:
        await writer.close()
        await readers.close()
        await files.close()
    _end(config, lock)


def _end(config: Config, lock: DatabaseLock) -> NoReturn:
    """End the process, once all is written out, without asking gRPC to shut down.

    It would end what arrives at that moment as CANCELLED. A connection that is closed with the
    process tells its client that the server is UNAVAILABLE.
    """
    close_database()
    lock.release()
    if config.listen:
        remove_socket(config.listen)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


class _ServicesByName:
    """Adds services to a server of gRPC that looks their methods up by name.

    Generated code registers each method as well. Then the server waits for a call of every single
    one, and begins to wait for all of them anew with each call that comes.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Do nothing."""


def _listen(server: grpc.aio.Server, config: Config) -> str:
    """Return the address that clients connect to."""
    host = _in_brackets(config.host)
    address = config.listen or f"{host}:{config.port}"
    try:
        if not config.listen:
            # Tried first without gRPC, which says on stderr in its own words what went wrong,
            # and in its exception nothing.
            family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
            socket.create_server((host.strip("[]"), config.port), family=family).close()
        port = server.add_insecure_port(address)
    except (OSError, RuntimeError) as error:
        way_out = "" if config.listen else "; --port takes another port"
        raise CannotOpenError(f"cannot listen on {address}: {error}{way_out}") from error
    return address if config.listen else f"{host}:{port}"


def _in_brackets(host: str) -> str:
    """Return a host as it stands in an address: an IPv6 address, with colons, in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host


def _port(address: str) -> int:
    """Return the TCP port of an address; 0 for a Unix socket."""
    return 0 if address.startswith("unix:") else int(address.rpartition(":")[2])


async def _report(servicer: Any, status: int) -> None:
    for service in ("", *SERVICES):
        await servicer.set(service, status)


def _greet(config: Config, file: Path, storage: Storage, address: str, http: HttpServer) -> None:
    where = address if config.listen else f"grpc://{address}"
    if http.address:
        where += f", http://{http.address}"
    print(  # noqa: T201 # what the person who started it wants to know
        f"runstream {version('runstream')} listening on {where}, "
        f"storing in sqlite:///{file}, artifacts in {storage}",
        flush=True,
    )


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _until_stopped(stop: asyncio.Event, calls: Calls, idle_timeout: float | None) -> None:
    while idle_timeout is None or calls.idle_seconds() < idle_timeout:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), None if idle_timeout is None else idle_timeout / 4)
            return
