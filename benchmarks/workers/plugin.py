"""Drives a server of Runstream or of MLflow through MLflow's own functions."""

from __future__ import annotations

import time

import mlflow

from benchmarks.workers.job import main


def log_metric(uri: str, calls: int) -> float:
    """Log points to a run by a call each; return the seconds until the run has ended."""
    if uri.startswith("grpc:"):
        _register_store()
    mlflow.set_tracking_uri(uri)
    mlflow.start_run()
    start = time.perf_counter()
    for step in range(calls):
        mlflow.log_metric("loss", 0.5, step=step)
    mlflow.end_run()
    return time.perf_counter() - start


def _register_store() -> None:
    """Do what MLflow does by itself where Runstream is installed."""
    from mlflow.tracking._tracking_service import utils

    from runstream.mlflow_plugin.store import RunstreamStore

    utils._tracking_store_registry.register("grpc", RunstreamStore)


if __name__ == "__main__":
    main({"log_metric": log_metric})
