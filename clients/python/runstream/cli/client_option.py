"""The option --tracking-uri, and the client that commands get by it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from queue import Empty, SimpleQueue
from typing import Any

import click
import grpc

from runstream.calls.client import TrackingClient
from runstream.errors import Unavailable
from runstream.spool import settings
from runstream.transport import proxies, tracking_uri
from runstream.transport.channel import Stubs, open_channel
from runstream.transport.connection_problem import find_problem
from runstream.transport.token import TokenSource
from runstream.v1.experiment_service_pb2 import GetExperimentRequest

#: Exit status after Ctrl-C: 128 and the number of the signal, as in shells.
INTERRUPTED = 130

# Programs that log wait longer for their server; a person wants to know soon.
_TIMEOUT = 5.0  # seconds

# Seconds after which to look why there is no answer.
_PATIENCE = 0.5


_URI_OPTION = click.option(
    "--tracking-uri",
    envvar="RUNSTREAM_TRACKING_URI",
    metavar="URI",
    show_envvar=True,
    help="Where the runs are.  [default: sqlite:///runstream.db]",
)


def with_client(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --tracking-uri, and call the command with a client as first argument."""

    @wraps(command)
    def with_client(tracking_uri: str | None, **arguments: Any) -> None:
        _check_reachable(tracking_uri)
        with TrackingClient(tracking_uri) as client, _interruptible():
            command(client, **arguments)

    return _URI_OPTION(with_client)


def with_client_of_program(command: Callable[..., None]) -> Callable[..., None]:
    """Do the same for a command that goes on while the server is away.

    What it logs is delivered when `runstream` ends, as of any program.
    """

    @wraps(command)
    def with_client(tracking_uri: str | None, **arguments: Any) -> None:
        with _interruptible():
            command(TrackingClient(tracking_uri), **arguments)

    return _URI_OPTION(with_client)


def _check_reachable(uri: str | None) -> None:
    target = tracking_uri.parse(uri)
    # The client starts a server, or says that it is offline.
    if target.database is not None or target.offline_folder is not None or settings.is_offline():
        return
    ended: SimpleQueue[Any] = SimpleQueue()
    request = GetExperimentRequest(experiment_id="0")
    with ExitStack() as channels, _interruptible():
        for address in target.addresses:
            channel = channels.enter_context(open_channel(address, target.secure))
            # Any answer will do. grpc.channel_ready_future checks only five times a second.
            call = Stubs(channel, address, TokenSource()).experiments.GetExperiment.future(
                request, timeout=_TIMEOUT, wait_for_ready=True
            )
            call.add_done_callback(ended.put)
        first: Any = None
        with suppress(Empty):
            first = ended.get(timeout=_PATIENCE)
        if first is None and (problem := find_problem(target.addresses, target.secure)):
            raise problem
        for _ in target.addresses:
            answer = first or ended.get()
            if answer.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                return
            first = None
    via = proxies.via_proxies(target.addresses)
    hint = ", or none whose certificate is trusted (RUNSTREAM_CA)" if target.secure else ""
    raise Unavailable(f"no server answers at {target.uri}{via}{hint}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """End the process at an interrupt, after the command has cleaned up."""
    try:
        yield
    except KeyboardInterrupt:
        # An interrupt at the moment at which gRPC begins a call leaves a channel behind whose
        # close waits for ever. Commands queue nothing, so there is nothing to wait for.
        click.echo(err=True)
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(INTERRUPTED)
