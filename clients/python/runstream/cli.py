"""The `runstream` command."""

from __future__ import annotations

import os

import click

from runstream import embedded, tracking_uri
from runstream.errors import InvalidArgument


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    package_name="runstream", prog_name="runstream", message="%(prog)s %(version)s"
)
def main() -> None:
    """Experiment tracking over gRPC."""


@main.command()
@click.option(
    "--database",
    envvar="RUNSTREAM_DATABASE",
    default="sqlite:///runstream.db",
    show_default=True,
    show_envvar=True,
    metavar="URL",
    help="Where runs are stored: sqlite:///relative.db or sqlite:////absolute.db.",
)
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
    "--artifact-root",
    envvar="RUNSTREAM_ARTIFACT_ROOT",
    type=click.Path(file_okay=False, resolve_path=True),
    show_envvar=True,
    help="Folder of the artifacts.  [default: `artifacts` beside the database]",
)
@click.option(
    "--log-level",
    envvar="RUNSTREAM_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    show_envvar=True,
    help="Least level of the events written to stderr.",
)
# With these a client starts the server of its file (runstream.embedded).
@click.option("--listen", hidden=True)
@click.option("--lock-fd", type=int, hidden=True)
@click.option("--idle-timeout", type=float, hidden=True)
def server(
    database: str,
    host: str,
    port: int,
    artifact_root: str | None,
    log_level: str,
    listen: str | None,
    lock_fd: int | None,
    idle_timeout: float | None,
) -> None:
    """Serve a database until SIGTERM or SIGINT."""
    try:
        from runstream_service.config import Config
        from runstream_service.server import run
    except ModuleNotFoundError as missing:
        raise _Refusal(
            f"the server needs packages that are not here ({missing.name}): "
            "pip install 'runstream[server]'"
        ) from None
    try:
        target = tracking_uri.parse(database)
    except InvalidArgument as error:
        raise _Refusal(error.message) from None
    if target.database is None:
        raise _Refusal(f"a server stores in SQLite, --database cannot be {database}")
    config = Config(
        database=target.uri,
        host=host,
        port=port,
        artifact_root=artifact_root or os.path.join(os.path.dirname(target.database), "artifacts"),
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


class _Refusal(click.ClickException):
    """The server cannot start: one line on stderr, exit status 2."""

    exit_code = 2
