"""`runstream server`: the server of a database, in the foreground."""

from __future__ import annotations

import re
from typing import Any

import click

from runstream.transport import embedded
from runstream_service.cli.database import file_argument, parse_database_url, server_packages


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
    "--artifact-root",
    envvar="RUNSTREAM_ARTIFACT_ROOT",
    show_envvar=True,
    metavar="ROOT",
    help="Where artifacts are kept: a folder, or s3://bucket/prefix.  "
    "[default: `artifacts` beside the database]",
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
    "--log-level",
    envvar="RUNSTREAM_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    show_envvar=True,
    help="Minimum level of the events written to stderr.",
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
    allowed_hosts: tuple[str, ...],
    artifact_root: str | None,
    lost_after: float,
    log_level: str,
    listen: str | None,
    lock_fd: int | None,
    idle_timeout: float | None,
) -> None:
    """Serve a database until SIGTERM or SIGINT.

    FILE says the same as --database.
    """
    with server_packages():
        from runstream_service.config import Config
        from runstream_service.server import run
    file = parse_database_url(database)
    config = Config(
        database=f"sqlite:///{file}",
        host=host,
        port=port,
        http_port=http_port if listen is None else None,
        allowed_hosts=allowed_hosts,
        artifact_root=artifact_root or str(file.parent / "artifacts"),
        lost_after=lost_after,
        log_level=log_level,
        listen=listen,
        lock_fd=lock_fd,
        idle_timeout=idle_timeout,
    )
    try:
        run(config)
    finally:
        if listen is not None:
            embedded.remove_socket(listen)
