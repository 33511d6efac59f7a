"""One server process: what it opens, in which order it starts and stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from contextlib import ExitStack, closing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from runstream.transport.embedded import remove_socket
from runstream_service.allocator import give_large_blocks_back
from runstream_service.care.lock import DatabaseLock
from runstream_service.care.upgrade import open_upgraded
from runstream_service.config import Config
from runstream_service.engine import database_settings
from runstream_service.engine.database import (
    CannotOpenError,
    close_database,
    sqlite_file,
)
from runstream_service.engine.readers import Readers
from runstream_service.engine.served_files import ServedFiles, check_regularly
from runstream_service.engine.writer import Writer
from runstream_service.files.artifact_root import open_storage
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.storage import Storage
from runstream_service.grpc_server import GrpcServer
from runstream_service.http.http_server import HttpServer
from runstream_service.ingest.ingest import Ingest
from runstream_service.live.feed import Feed
from runstream_service.live.heartbeats import Heartbeats, mark_lost_runs_regularly
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog
from runstream_service.points.sealer import Sealer
from runstream_service.ports import GRPC_ADVICE, HTTP_ADVICE, CannotListenError, listen_on
from runstream_service.rpc import page_token
from runstream_service.rpc.artifact_servicer import ArtifactServicer
from runstream_service.rpc.experiment_servicer import ExperimentServicer
from runstream_service.rpc.interceptor import CallInterceptor
from runstream_service.rpc.logged_model_servicer import LoggedModelServicer
from runstream_service.rpc.logging_servicer import LoggingServicer
from runstream_service.rpc.maintenance_servicer import MaintenanceServicer
from runstream_service.rpc.metric_servicer import MetricServicer
from runstream_service.rpc.run_servicer import RunServicer
from runstream_service.rpc.server_servicer import ServerServicer
from runstream_service.rpc.watch_servicer import WatchServicer

log = logging.getLogger(__name__)

# Seconds that calls under way are given when the server stops.
GRACE = 10.0


def run(config: Config) -> None:
    """Serve until SIGTERM, SIGINT or the idle timeout.

    Raises:
        SystemExit: with status 2, after one line on stderr, if the server cannot start.
    """
    logging.basicConfig(
        level=config.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # uvicorn logs its start, and each exception that `http/errors.py` has logged already.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    logging.getLogger("peewee").setLevel(max(logging.WARNING, logging.root.level))
    give_large_blocks_back()
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (maximum, maximum)
    )  # each connection takes a descriptor
    try:
        file = sqlite_file(config.database)
        lock = DatabaseLock(file, config.lock_fd)
        try:
            _check_ports(config)
            try:
                open_upgraded(file)
                files = ServedFiles(file, at_end=lambda: remove_socket(config.listen or ""))
                asyncio.run(_serve(config, lock, files))
            finally:
                close_database()
        finally:
            lock.release()
    except (CannotOpenError, CannotListenError) as error:
        print(f"runstream server: {error}", file=sys.stderr)  # noqa: T201 # for the person who started it
        raise SystemExit(2) from None


def _check_ports(config: Config) -> None:
    """Refuse a port that is taken before the file of a new database is made."""
    if config.listen:
        return
    with ExitStack() as both:  # two servers cannot share one port
        both.enter_context(closing(listen_on(config.host, config.port, GRPC_ADVICE)))
        if config.http_port is not None:
            both.enter_context(closing(listen_on(config.host, config.http_port, HTTP_ADVICE)))


async def _serve(config: Config, lock: DatabaseLock, served: ServedFiles) -> NoReturn:
    feed, heartbeats = Feed(), Heartbeats(config.lost_after)
    backlog = Backlog()
    appender = PointAppender(backlog)
    ingest = Ingest(heartbeats, appender)
    writer, readers, calls = Writer(served, ingest, feed), Readers(served), CallInterceptor()
    sealer = Sealer(backlog, appender, writer)
    files = FileThreads()
    try:
        grpc_server, http_server = GrpcServer(config, calls), HttpServer(config)
        page_token.set_signing_key(await readers.run(database_settings.page_token_key))
        storage, staging = open_storage(config.artifact_root, served.database, files)
        artifacts = ArtifactStore(writer, readers, storage, staging)
        logs = LoggingServicer(writer, ingest, heartbeats)
        watches = WatchServicer(writer, readers, feed)
        servicers = {
            "runstream.v1.ExperimentService": ExperimentServicer(writer, readers),
            "runstream.v1.RunService": RunServicer(writer, readers, ingest),
            "runstream.v1.LoggingService": logs,
            "runstream.v1.MetricService": MetricServicer(readers),
            "runstream.v1.WatchService": watches,
            "runstream.v1.ArtifactService": ArtifactServicer(readers, artifacts),
            "runstream.v1.LoggedModelService": LoggedModelServicer(writer, readers),
            "runstream.v1.MaintenanceService": MaintenanceServicer(writer, readers, artifacts),
            "runstream.v1.ServerService": ServerServicer(http_server, grpc_server.port),
        }
        await grpc_server.start(servicers)
        await http_server.start(servicers)
        await grpc_server.report_healthy()
        stop = _stop_signal()  # before a client knows the address, and may want to stop the server
        lock.announce(grpc_server.address)
        _greet(config, served.database, storage, grpc_server.address, http_server.address)
        _tune_interpreter()

        checks = asyncio.gather(
            mark_lost_runs_regularly(writer, heartbeats, config.lost_after), check_regularly(served)
        )
        await _until_stopped(stop, calls, config.idle_timeout)
        checks.cancel()
        await asyncio.gather(checks, return_exceptions=True)  # asyncio would log their end
        log.debug("stopping")
        await grpc_server.report_stopping()
        logs.stop_reading()
        watches.stop_watching()
        await asyncio.gather(calls.stop(GRACE), http_server.stop())
    finally:
        await sealer.close()
        await writer.close()
        await readers.close()
        await files.close()
    _end(config, lock)


def _tune_interpreter() -> None:
    """Tune the garbage collector and the threads, once all lasting objects are created."""
    # Objects that are alive now live as long as the server, so the garbage collector need not look
    # at them again. Points are in no reference cycles, so it need not run so often for them.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    # The event loop waits no longer than this for a thread that is busy in Python, and a reader
    # waits five times for a row of tables: the interpreter changes threads around every step of
    # SQLite.
    sys.setswitchinterval(0.0002)


def _end(config: Config, lock: DatabaseLock) -> NoReturn:
    """End the process, once all is written out, without asking gRPC to shut down.

    gRPC would end calls that arrive at that moment as CANCELLED. If the connection is closed with
    the process, its client gets UNAVAILABLE.
    """
    close_database()
    lock.release()
    if config.listen:
        remove_socket(config.listen)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _greet(
    config: Config, file: Path, storage: Storage, grpc_address: str, http_address: str
) -> None:
    where = grpc_address if config.listen else f"grpc://{grpc_address}"
    if http_address:
        where += f", http://{http_address}"
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


async def _until_stopped(
    stop: asyncio.Event, calls: CallInterceptor, idle_timeout: float | None
) -> None:
    while idle_timeout is None or calls.idle_seconds() < idle_timeout:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), None if idle_timeout is None else idle_timeout / 4)
            return
