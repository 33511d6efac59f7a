"""One server process: what it opens, in which order it starts and stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import sys
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack, closing, suppress
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NoReturn

from runstream.errors import RunstreamError
from runstream.transport.embedded import remove_socket
from runstream_service.access.exposure import refuse_exposure, warn_of_clear_tokens
from runstream_service.allocator import give_large_blocks_back
from runstream_service.care.lock import DatabaseLock
from runstream_service.care.upgrade import open_upgraded
from runstream_service.certificates import CertificateError, CertificateFiles
from runstream_service.config import Config
from runstream_service.engine import database_settings
from runstream_service.engine.engine import CannotOpenError, Engine
from runstream_service.engine.readiness import Readiness
from runstream_service.engine.served_files import check_regularly
from runstream_service.engine.store import Store, open_engine
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.storage import Storage
from runstream_service.grpc_server import GrpcServer
from runstream_service.http.http_server import HttpServer
from runstream_service.http.operation import Operation
from runstream_service.joint_operation import operate_jointly
from runstream_service.live.heartbeats import (
    mark_lost_runs_regularly,
)
from runstream_service.logs import start_logging
from runstream_service.metrics.sources import MetricSources
from runstream_service.parts import Parts, start_parts
from runstream_service.points.orphan_tails import OrphanTails
from runstream_service.ports import GRPC_ADVICE, HTTP_ADVICE, CannotListenError, listen_on
from runstream_service.rpc import page_token
from runstream_service.rpc.interceptor import CallInterceptor
from runstream_service.rpc.server_servicer import ServerServicer
from runstream_service.stop_deadline import start_deadline
from runstream_service.stop_signals import stop_signals
from runstream_service.telemetry.start import start_telemetry

if TYPE_CHECKING:
    from runstream_service.telemetry.exporting import Telemetry

log = logging.getLogger(__name__)

# Seconds that calls under way are given when the server stops.
GRACE = 10.0


def run(config: Config) -> None:
    """Serve until SIGTERM, SIGINT, SIGHUP or the idle timeout.

    Raises:
        SystemExit: with status 2, after one line on stderr, if the server cannot start.
    """
    start_logging(config.log_level, config.log_format, config.worker)
    give_large_blocks_back()
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (maximum, maximum)
    )  # each connection takes a descriptor
    try:
        certificates = CertificateFiles(config) if config.tls_cert else None
        with ExitStack() as opened:
            engine = open_engine(config.database)
            lock = _lock(engine, config)
            if lock is not None:
                opened.callback(lock.release)
            _check_ports(config)
            store = open_upgraded(engine)
            opened.callback(store.close)
            asyncio.run(_serve(config, lock, store, certificates))
    except (CannotOpenError, CannotListenError, CertificateError) as error:
        print(f"runstream server: {error}", file=sys.stderr)  # noqa: T201 # for the person who started it
        raise SystemExit(2) from None


def _lock(engine: Engine, config: Config) -> DatabaseLock | None:
    """Take the lock of a file, which one server serves; another database needs none."""
    return DatabaseLock(engine.file, config.lock_fd) if engine.file is not None else None


def _check_ports(config: Config) -> None:
    """Refuse a port that is taken before the file of a new database is made."""
    if config.listen or config.worker:  # the ports of workers are reserved
        return
    with ExitStack() as both:  # two servers cannot share one port
        both.enter_context(closing(listen_on(config.host, config.port, GRPC_ADVICE)))
        if config.http_port is not None:
            both.enter_context(closing(listen_on(config.host, config.http_port, HTTP_ADVICE)))


async def _serve(
    config: Config,
    lock: DatabaseLock | None,
    store: Store,
    certificates: CertificateFiles | None,
) -> NoReturn:
    parts = start_parts(config, store, partial(remove_socket, config.listen or ""))
    # A server that a client started has the variables of a program that is not a server.
    telemetry = start_telemetry() if config.listen is None else None
    try:
        await parts.authentication.load()
        if parts.authentication.is_open:
            refuse_exposure(config)
        else:
            warn_of_clear_tokens(config)
        traced = telemetry.interceptors() if telemetry else []
        # This variable lives until the process ends, as `_end` wants it.
        grpc_server = GrpcServer(config, [*traced, parts.calls], certificates)
        http_server = HttpServer(config, certificates)
        await _serve_until_stopped(config, lock, parts, grpc_server, http_server, telemetry)
    finally:
        await parts.close()
        if telemetry:
            await asyncio.to_thread(telemetry.close)
    _end(config, lock, store)


async def _serve_until_stopped(
    config: Config,
    lock: DatabaseLock | None,
    parts: Parts,
    grpc_server: GrpcServer,
    http_server: HttpServer,
    telemetry: Telemetry | None,
) -> None:
    """Answer calls from now on, and return when those under way at the stop are answered."""
    signing_key = database_settings.page_token_key
    page_token.set_signing_key(await parts.store.readers.quick(signing_key))
    artifacts, storage = parts.open_artifacts(config)
    server_servicer = ServerServicer(http_server, grpc_server.port)
    servicers = parts.make_servicers(config, artifacts) | {
        "runstream.v1.ServerService": server_servicer
    }
    await grpc_server.start(servicers)
    readiness = parts.make_readiness()
    sources = parts.metric_sources(artifacts)
    operation = await _operate(config, readiness, sources, telemetry)
    await http_server.start(servicers, operation, parts.authentication, parts.limits, parts.audit)
    await grpc_server.report_health(is_serving=True)
    stop = _stop_signal(config)  # before a client knows the address, and may want to stop it
    if lock is not None:
        secure = "grpcs://" if config.tls_cert else ""
        lock.announce(f"{secure}{grpc_server.address}")
    _greet(config, parts.store, storage, grpc_server.address, http_server.address)
    _warn_of_private_folder(config, parts.store, storage)
    _tune_interpreter()
    report = readiness.report_regularly(grpc_server.report_health)
    checks = _check_regularly(config, parts, artifacts, report)
    await _until_stopped(stop, parts.calls, config.idle_timeout)
    log.debug("stopping")
    start_deadline(partial(remove_socket, config.listen or ""))
    readiness.stop()
    await grpc_server.report_stopping()
    checks.cancel()
    await asyncio.gather(checks, return_exceptions=True)  # asyncio would log their end
    await _end_calls(parts, servicers, http_server)


async def _end_calls(parts: Parts, servicers: Mapping[str, Any], http_server: HttpServer) -> None:
    """Answer what is under way, and refuse what comes."""
    servicers["runstream.v1.LoggingService"].stop_reading()
    servicers["runstream.v1.WatchService"].stop_watching()
    parts.store.writer.stop_waiting()
    await asyncio.gather(parts.calls.stop(GRACE), http_server.stop())
    with suppress(RunstreamError):  # the others see it later
        await parts.audit.flush(is_last=True)
        await parts.store.writer.submit(parts.membership.leave)


async def _operate(
    config: Config, readiness: Readiness, sources: MetricSources, telemetry: Telemetry | None
) -> Operation:
    """Return what answers those who operate the server, and begin to send figures."""
    operation = Operation(readiness.reason, partial(_render_metrics, sources), sources.calls)
    if telemetry:
        telemetry.send_figures(sources)
        operation = operation._replace(instrument=telemetry.instrument_http)
    return await operate_jointly(config, operation) if config.worker else operation


def _check_regularly(
    config: Config,
    parts: Parts,
    artifacts: ArtifactStore,
    report_readiness: Coroutine[Any, Any, None],
) -> asyncio.Future[Any]:
    """Begin whatever is done again and again until the server stops."""
    store = parts.store
    writer, readers = store.writer, store.readers
    orphans = OrphanTails(parts.membership, parts.backlog, parts.appender)
    checks = asyncio.gather(
        parts.membership.renew_regularly(writer),
        parts.authentication.watch_tokens(is_shared=store.engine.IS_SHARED),
        parts.audit.write_regularly(),
        parts.feed.run(),
        orphans.take_over_regularly(readers, writer),
        mark_lost_runs_regularly(writer, parts.heartbeats, config.lost_after),
        parts.rule_book.refresh_regularly(writer, is_shared=store.engine.IS_SHARED),
        parts.silence.look_regularly(writer),
        parts.deliveries.deliver_regularly(writer, readers),
        check_regularly(store.files),
        artifacts.contents.warn_if_elsewhere(),
        report_readiness,
    )
    checks.add_done_callback(_log_failure)
    return checks


def _log_failure(checks: asyncio.Future[Any]) -> None:
    """Log at once why one of the regular checks has ended, which nobody waits for."""
    failure = None if checks.cancelled() else checks.exception()
    if failure is not None and not isinstance(failure, asyncio.CancelledError):  # as at the end
        log.critical("a regular check of the server has ended", exc_info=failure)


async def _render_metrics(sources: MetricSources, accept: str) -> tuple[bytes, str]:
    # Not imported above: the server of a file starts sooner without the package of Prometheus.
    from runstream_service.metrics.page import render_page

    return await asyncio.to_thread(render_page, sources, accept)


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


def _end(config: Config, lock: DatabaseLock | None, store: Store) -> NoReturn:
    """End the process, once all is written out, without asking gRPC to shut down.

    gRPC would end calls that arrive at that moment as CANCELLED. If the connection is closed with
    the process, its client gets UNAVAILABLE.
    """
    store.close()
    if lock is not None:
        lock.release()
    if config.listen:
        remove_socket(config.listen)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _greet(
    config: Config, store: Store, storage: Storage, grpc_address: str, http_address: str
) -> None:
    secure = "s" if config.tls_cert else ""
    where = grpc_address if config.listen else f"grpc{secure}://{grpc_address}"
    if http_address:
        where += f", http{secure}://{http_address}"
    print(  # noqa: T201 # what the person who started it wants to know
        f"runstream {version('runstream')} listening on {where}, "
        f"storing in {store.engine.name}, artifacts in {storage}",
        flush=True,
    )


def _warn_of_private_folder(config: Config, store: Store, storage: Storage) -> None:
    """Say that other servers do not see the artifacts, unless somebody chose their root."""
    if store.engine.IS_SHARED and not config.artifact_root and config.worker <= 1:
        log.warning(
            "artifacts are in %s, which other servers of this database have to share: "
            "give all of them one folder or bucket by --artifact-root",
            storage,
        )


def _stop_signal(config: Config) -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stop.set)
    if config.worker:
        starter = sys.stdin.fileno()

        def stop_after_starter() -> None:
            loop.remove_reader(starter)
            stop.set()

        loop.add_reader(starter, stop_after_starter)  # it ends with the process that wrote to it
    return stop


async def _until_stopped(
    stop: asyncio.Event, calls: CallInterceptor, idle_timeout: float | None
) -> None:
    while idle_timeout is None or calls.idle_seconds() < idle_timeout:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), None if idle_timeout is None else idle_timeout / 4)
            return
