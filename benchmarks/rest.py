"""MLflow's REST API: the same requests, by the same client, to each server."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import replace

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

PEERS = ("mlflow", "fasttrackml")
ROUNDS = 3
CALLS = 300
BATCHES = 20
BATCH = 1000
RUNS = 1000
POINTS = 25_000


def log_metric(bench: Bench) -> Measured:
    """`rest.log_metric`: milliseconds of runs/log-metric."""
    return _least(bench, "log_metric", 1e3, calls=CALLS)


def log_batch(bench: Bench) -> Measured:
    """`rest.log_batch`: points/s of runs/log-batch with 1,000 points."""
    taken = _least(bench, "log_batch", 1.0, batches=BATCHES, size=BATCH)
    points = BATCHES * BATCH
    return Measured(
        points / taken.ours, {name: points / seconds for name, seconds in taken.peers.items()}
    )


def search(bench: Bench) -> Measured:
    """`rest.search`: milliseconds of runs/search for 1,000 runs."""
    return _least(bench, "search", 1e3, rounds=1, runs=RUNS)


def history(bench: Bench) -> Measured:
    """`rest.history`: milliseconds of metrics/get-history for 25,000 points."""
    return _least(bench, "history", 1e3, rounds=1, points=POINTS)


def _least(bench: Bench, job: str, unit: float, rounds: int = ROUNDS, **arguments: int) -> Measured:
    """Return the best of some rounds, in each of which all take their turn."""
    seconds: dict[str, list[float]] = defaultdict(list)
    server = bench.runstream()
    servers = {"runstream": server} | {name: bench.peer(name) for name in PEERS}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for name, one in servers.items():
            taken = _driven(one).job(job, **arguments)
            seconds[name].append(statistics.median(taken) if job == "log_metric" else min(taken))
    bench.discard(server)
    best = {name: min(taken) * unit for name, taken in seconds.items()}
    return Measured(best.pop("runstream"), best)


def _driven(server: Server) -> Server:
    """Return the server with plain requests to its REST API as its worker."""
    return replace(
        server, uri=server.http, worker=(*server.worker[:1], "-m", "benchmarks.workers.rest")
    )


FIGURES = (
    Figure(
        "rest.log_metric",
        "ms",
        log_metric,
        (
            Target("below FastTrackML's", lambda m: m.ours < m.peers["fasttrackml"]),
            Target("a fifth of MLflow's", lambda m: m.ours <= m.peers["mlflow"] / 5),
        ),
    ),
    Figure(
        "rest.log_batch",
        "points/s",
        log_batch,
        (
            Target("above FastTrackML's", lambda m: m.ours > m.peers["fasttrackml"]),
            Target("8 times MLflow's", lambda m: m.ours >= 8 * m.peers["mlflow"]),
        ),
    ),
    Figure(
        "rest.search",
        "ms",
        search,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "rest.history",
        "ms",
        history,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
)
