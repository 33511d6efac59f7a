"""The server that a tracking URI of MLflow's programs stands for."""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

from runstream.calls.client import TrackingClient
from runstream.calls.sessions import open_session
from runstream.entities import Experiment, RunInfo
from runstream.mlflow_plugin.known_entities import KnownEntities
from runstream.transport import tracking_uri
from runstream.transport.connection import Connection

# Of MLflow's tracking URI the beginnings that are this store's alone, and what each stands for.
_SCHEMES = {"runstream://": "grpc://", "runstream+sqlite:": "sqlite:"}


class Known(NamedTuple):
    """What this process knows of what is on a server.

    Attributes:
        runs: runs, by id.
        experiments: experiments, by name and by id.
    """

    runs: KnownEntities[RunInfo]
    experiments: KnownEntities[Experiment]


class TrackingServer(NamedTuple):
    """A server, as long as the program lasts.

    Attributes:
        client: its client.
        connection: for answers of which MLflow shows more than the client returns.
        known: what this process knows of what is there.
    """

    client: TrackingClient
    connection: Connection
    known: Known


@cache  # so that a relative path means the same file, wherever the program goes
def tracking_server(store_uri: str) -> TrackingServer:
    """Return the server for a tracking URI of MLflow, the same one for each call.

    Raises:
        InvalidArgument: it is in none of the forms of `runstream.transport.tracking_uri`.
    """
    for theirs, ours in _SCHEMES.items():
        if store_uri.lower().startswith(theirs):
            store_uri = ours + store_uri[len(theirs) :]
    uri = tracking_uri.parse(store_uri).uri
    token = _mlflow_token()
    known = Known(KnownEntities(), KnownEntities())
    return TrackingServer(TrackingClient(uri, token), open_session(uri, token).connection, known)


def _mlflow_token() -> str | None:
    """Return the token that MLflow's clients would send; None if Runstream's is set, or none is."""
    if any(os.environ.get(name) for name in ("RUNSTREAM_TOKEN", "RUNSTREAM_TOKEN_FILE")):
        return None
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"):
        if token := os.environ.get(name):
            return token
    return None
