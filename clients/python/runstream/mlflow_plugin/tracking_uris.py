"""Tracking URIs as MLflow's programs write them."""

from __future__ import annotations

from functools import cache

from runstream.transport import tracking_uri

# Of MLflow's tracking URI the beginnings that are this store's alone, and what each stands for.
_SCHEMES = {"runstream://": "grpc://", "runstream+sqlite:": "sqlite:"}


@cache  # so that a relative path means the same file, wherever the program goes
def to_tracking_uri(store_uri: str) -> str:
    """Return the tracking URI of Runstream that a tracking URI of MLflow stands for.

    Raises:
        InvalidArgument: it is in none of the forms of `runstream.transport.tracking_uri`.
    """
    for theirs, ours in _SCHEMES.items():
        if store_uri.lower().startswith(theirs):
            store_uri = ours + store_uri[len(theirs) :]
    return tracking_uri.parse(store_uri).uri
