"""What MLflow's own functions take over our stream."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import peers
from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import ROOT

CALLS = 10_000
PEER_CALLS = 300
ROUNDS = 3


def log_metric(bench: Bench) -> Measured:
    """`plugin.log_metric`: microseconds of `mlflow.log_metric`, the end of the run included."""
    binaries = peers.installed("mlflow-plugin", peers.PLUGIN_REQUIREMENTS)
    worker = (str(binaries / "python"), "-m", "benchmarks.workers.plugin")
    ours, theirs = [], []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        server = bench.runstream()
        path = {"PYTHONPATH": str(ROOT / "clients/python"), **peers.ENVIRONMENT}
        driven = replace(server, worker=worker, environment=path)
        ours.append(driven.job("log_metric", calls=CALLS) / CALLS)
        bench.discard(server)
        mlflow = replace(bench.peer("mlflow"), worker=worker)
        theirs.append(mlflow.job("log_metric", calls=PEER_CALLS) / PEER_CALLS)
    return Measured(min(ours) * 1e6, {"mlflow": min(theirs) * 1e6})


FIGURES = (
    Figure(
        "plugin.log_metric",
        "µs",
        log_metric,
        (Target("20 times faster than MLflow", lambda m: 20 * m.ours <= m.peers["mlflow"]),),
    ),
)
