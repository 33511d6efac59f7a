"""`runstream server`: the server of a database, in the foreground."""

from __future__ import annotations

import re
import sys
from ipaddress import ip_network
from typing import Any

import click

from runstream.errors import InvalidArgument
from runstream.transport import embedded
from runstream_service.cli.alert_options import alert_options, check_smtp_url
from runstream_service.cli.database import (
    file_argument,
    parse_database_url,
    server_packages,
)
from runstream_service.cli.frame_ancestors import DEFAULT, FrameAncestors
from runstream_service.cli.limit_options import limit_options, limits_of
from runstream_service.cli.oidc_options import oidc_config, oidc_options
from runstream_service.cli.tls_options import check_tls, tls_options
from runstream_service.config import Config, is_postgresql
from runstream_service.workers import MAX_WORKERS, run_workers


class HttpPort(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """A port, or `off`, which is None."""

    name = "port|off"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Return the port."""
        if value == "off":
            return None
        return click.IntRange(0, 65535).convert(value, param, ctx)


class HostNames(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """Names with commas between them, each maybe with a port."""

    name = "name,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        for name in names:
            if not _HOST_NAME.fullmatch(name):
                self.fail(
                    f"{name!r} is not of the form ml.example.org or ml.example.org:80", param, ctx
                )
        return names


# A name, `*.` and a name for all below that one, or `*` for all names.
_HOST_NAME = re.compile(r"\*|(\*\.)?[\w.-]+(:[0-9]{1,5})?")


class RootPath(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """A path; a slash at its end is taken away."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path, empty for `/`."""
        path = str(value).rstrip("/")
        if path and not _ROOT_PATH.fullmatch(path):
            self.fail(f"{value!r} is not of the form /runstream or /tools/runstream", param, ctx)
        return path


_ROOT_PATH = re.compile(r"(/[\w~-][\w.~-]*)+", re.ASCII)


class Networks(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """IP addresses and networks with commas between them."""

    name = "address,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the addresses and networks."""
        if isinstance(value, tuple):
            return value
        networks = tuple(network.strip() for network in value.split(",") if network.strip())
        for network in networks:
            try:
                ip_network(network)
            except ValueError as error:
                self.fail(f"{error}; 10.0.0.7 is an address, 10.0.0.0/24 a network", param, ctx)
        return networks


@click.command()
@file_argument
@click.option(
    "--host",
    envvar="RUNSTREAM_HOST",
    default="127.0.0.1",
    show_default=True,
    show_envvar=True,
    help="Interface to listen on; 0.0.0.0 for all.",
)
@click.option(
    "--port",
    envvar="RUNSTREAM_PORT",
    type=click.IntRange(0, 65535),
    default=50051,
    show_default=True,
    show_envvar=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--http-port",
    envvar="RUNSTREAM_HTTP_PORT",
    type=HttpPort(),
    default=5000,
    show_default=True,
    show_envvar=True,
    help="Port of the web interface and the REST API; 0 takes a free one, `off` serves none.",
)
@tls_options
@click.option(
    "--insecure",
    envvar="RUNSTREAM_INSECURE",
    is_flag=True,
    show_envvar=True,
    help="Listen on other interfaces than the loopback, although nobody has to say who they are.",
)
@click.option(
    "--allowed-hosts",
    envvar="RUNSTREAM_ALLOWED_HOSTS",
    type=HostNames(),
    default=(),
    show_envvar=True,
    metavar="NAME,…",
    help="Names under which browsers and other clients reach the HTTP port, beside localhost, IP "
    "addresses and the name of this machine; *.example.org for all below one, * for all.",
)
@click.option(
    "--frame-ancestors",
    envvar="RUNSTREAM_FRAME_ANCESTORS",
    type=FrameAncestors(),
    default=DEFAULT,
    show_envvar=True,
    metavar="ORIGIN,…",
    help="Origins whose pages may show the web interface in a frame; those of notebooks on the "
    "computer of who looks at them unless set, `none` for no page.",
)
@click.option(
    "--root-path",
    envvar="RUNSTREAM_ROOT_PATH",
    type=RootPath(),
    default="",
    show_envvar=True,
    metavar="/PATH",
    help="Path below which a proxy shows the HTTP port, such as /runstream.",
)
@click.option(
    "--trusted-proxies",
    envvar="RUNSTREAM_TRUSTED_PROXIES",
    type=Networks(),
    default=(),
    show_envvar=True,
    metavar="ADDRESS,…",
    help="Addresses and networks of the proxies whose X-Forwarded- headers are believed.",
)
@oidc_options
@click.option(
    "--workers",
    envvar="RUNSTREAM_WORKERS",
    type=click.IntRange(1, MAX_WORKERS),
    default=1,
    show_default=True,
    show_envvar=True,
    help="Processes that serve these ports together, for a PostgreSQL.",
)
@click.option(
    "--artifact-root",
    envvar="RUNSTREAM_ARTIFACT_ROOT",
    show_envvar=True,
    metavar="ROOT",
    help="Where artifacts are kept: a folder, or s3://bucket/prefix.  "
    "[default: `artifacts` beside the database file, or in the current folder]",
)
@click.option(
    "--lost-after",
    envvar="RUNSTREAM_LOST_AFTER",
    type=click.FloatRange(0, max=31_536_000),
    default=300,
    show_default=True,
    show_envvar=True,
    metavar="SECONDS",
    help="Mark runs as failed that sent no heartbeat for so long; 0 for never.",
)
@click.option(
    "--query-timeout",
    envvar="RUNSTREAM_QUERY_TIMEOUT",
    type=click.FloatRange(0.1, max=86_400),
    default=30,
    show_default=True,
    show_envvar=True,
    metavar="SECONDS",
    help="End reads that take longer, as searches through very many runs.",
)
@alert_options
@limit_options
@click.option(
    "--log-level",
    envvar="RUNSTREAM_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    show_envvar=True,
    help="Minimum level of the events written to stderr.",
)
@click.option(
    "--log-format",
    envvar="RUNSTREAM_LOG_FORMAT",
    type=click.Choice(["text", "json"], case_sensitive=False),
    default="text",
    show_default=True,
    show_envvar=True,
    help="How events are written: as lines of text, or of JSON.",
)
# With these a client starts the server of its file (runstream.transport.embedded).
@click.option("--listen", hidden=True)
@click.option("--lock-fd", type=int, hidden=True)
@click.option("--idle-timeout", type=float, hidden=True)
def server(
    database: str,
    host: str,
    port: int,
    http_port: int | None,
    tls_cert: str,
    tls_key: str,
    tls_client_ca: str,
    tls_admins: tuple[str, ...],
    insecure: bool,
    allowed_hosts: tuple[str, ...],
    frame_ancestors: tuple[str, ...],
    root_path: str,
    trusted_proxies: tuple[str, ...],
    workers: int,
    artifact_root: str | None,
    lost_after: float,
    query_timeout: float,
    smtp_url: str,
    alert_private_webhooks: bool,
    requests_per_caller: int,
    calls_per_caller: int,
    watches_per_caller: int,
    mib_per_caller: int,
    artifact_gib_per_caller: float,
    audit_days: int,
    log_level: str,
    log_format: str,
    listen: str | None,
    lock_fd: int | None,
    idle_timeout: float | None,
    **oidc: Any,
) -> None:
    """Serve a database until SIGTERM, SIGINT or SIGHUP.

    FILE says the same as --database.
    """
    check_smtp_url(smtp_url)
    check_tls(tls_cert, tls_key, tls_client_ca, tls_admins)
    workers = workers if listen is None else 1
    if workers > 1:
        _check_workers(workers, database)
    if not is_postgresql(database):
        database = f"sqlite:///{parse_database_url(database)}"
    config = Config(
        database=database,
        host=host,
        port=port,
        http_port=http_port if listen is None else None,
        tls_cert=tls_cert if listen is None else "",
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        tls_admins=tls_admins,
        insecure=insecure,
        allowed_hosts=allowed_hosts,
        frame_ancestors=frame_ancestors,
        root_path=root_path,
        trusted_proxies=trusted_proxies,
        oidc=oidc_config(oidc),
        artifact_root=artifact_root or "",
        lost_after=lost_after,
        query_timeout=query_timeout,
        limits=limits_of(
            requests_per_caller,
            calls_per_caller,
            watches_per_caller,
            mib_per_caller,
            artifact_gib_per_caller,
        ),
        smtp_url=smtp_url,
        alert_private_webhooks=alert_private_webhooks,
        audit_days=audit_days,
        log_level=log_level,
        log_format=log_format,
        listen=listen,
        lock_fd=lock_fd,
        idle_timeout=idle_timeout,
        workers=workers,
    )
    if workers > 1:
        run_workers(config)
    with server_packages():
        from runstream_service.server import run
    try:
        run(config)
    finally:
        if listen is not None:
            embedded.remove_socket(listen)


def _check_workers(workers: int, database: str) -> None:
    if not is_postgresql(database):
        raise InvalidArgument(
            f"--workers {workers} is for a PostgreSQL: one process alone writes an SQLite file"
        )
    if sys.platform != "linux":
        raise InvalidArgument(
            "--workers is for Linux, which spreads connections over processes that share a port"
        )
