"""`runstream ui`: the web interface, in a browser."""

from __future__ import annotations

import signal
import threading
import webbrowser

import click

from runstream.calls.client import TrackingClient
from runstream.cli.client_option import with_client
from runstream.cli.output import is_terminal
from runstream.errors import FailedPrecondition

# Seconds between two calls that keep the server of a file alive: it ends after 30 s without calls.
_PAUSE = 10.0


@click.command()
@with_client
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def ui(client: TrackingClient, no_browser: bool) -> None:
    """Open the web interface in a browser.

    The interface of a database file is served until Ctrl-C, also while programs log to the file.
    """
    address = _address(client)
    click.echo(address)
    if is_terminal() and not no_browser:
        webbrowser.open(address)
    if client.tracking_uri.startswith("sqlite:"):
        click.echo("Ctrl-C ends it.", err=True)
        _keep_serving(client, address)


def _address(client: TrackingClient) -> str:
    if client.interface_uri() is None:
        client.serve_http()
    address = client.interface_uri()
    if address is None:
        if not client.get_server_info().has_interface:
            raise FailedPrecondition(
                "the web interface is not built: run `make web` in the sources of Runstream and, "
                "unless they are installed with --editable, install from them again"
            )
        raise FailedPrecondition(
            f"where {client.tracking_uri} serves HTTP cannot be known, because a proxy gives it TLS"
        )
    return address


def _keep_serving(client: TrackingClient, address: str) -> None:
    """Keep the server of a file alive, and start another when it is gone, until Ctrl-C."""
    # A KeyboardInterrupt in the middle of a call would leave gRPC in an undefined state.
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    while not stop.wait(_PAUSE):
        now = _address(client)
        if now != address:
            address = now
            click.echo(address)
