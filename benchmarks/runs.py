"""How fast runs are made."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target

RUNS = 300
PEER_RUNS = {"mlflow": 30, "fasttrackml": 100}
ROUNDS = 3

# Ours is as a program writes it, without its source, which the peers do not keep. The others make
# each run by calls of `TrackingClient`.
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "start_run": ("fluent_runs", {"source": "none"}),
    "start_run, and its source": ("fluent_runs", {"source": "all"}),
    "create_run, log": ("runs", {"queued": False, "threads": 1}),
    "create_run, log_batch": ("runs", {"queued": True, "threads": 1}),
    "create_run, log, 8 threads": ("runs", {"queued": False, "threads": 8}),
}


def create(bench: Bench) -> Measured:
    """`runs.create`: runs/s created, filled and ended by one client, one after the other.

    The best of some rounds, in each of which all take their turn.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    server = bench.runstream()
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        for name, count in PEER_RUNS.items():
            for via in ("client", "rest"):
                seconds = bench.peer(name).job("runs", count=count, via=via)
                rates[f"{name} {via}"].append(count / seconds)
        for way, (job, arguments) in WAYS.items():
            rates[way].append(RUNS / server.job(job, count=RUNS, **arguments))
    bench.discard(server)
    best = {name: max(rates) for name, rates in rates.items()}
    peers = {name: max(best[f"{name} client"], best[f"{name} rest"]) for name in PEER_RUNS}
    return Measured(best.pop("start_run"), peers, best)


FIGURES = (
    Figure(
        "runs.create",
        "runs/s",
        create,
        (Target("5 times FastTrackML", lambda m: m.ours >= 5 * m.peers["fasttrackml"]),),
    ),
)
