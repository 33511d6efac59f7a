"""Tracking URIs as MLflow's programs write them."""

from __future__ import annotations

#: Of MLflow's tracking URI the beginnings that are this store's alone, and what each stands for.
_SCHEMES = {"runstream://": "grpc://", "runstream+sqlite:": "sqlite:"}


def to_tracking_uri(store_uri: str) -> str:
    """Return the tracking URI of Runstream that a tracking URI of MLflow stands for."""
    for theirs, ours in _SCHEMES.items():
        if store_uri.lower().startswith(theirs):
            return ours + store_uri[len(theirs) :]
    return store_uri
