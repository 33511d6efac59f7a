"""What single calls take."""

from __future__ import annotations

import statistics

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target

CALLS = 500_000
UNARY_CALLS = 1000
PEER_CALLS = 200
REPEATS = 15
PEER_REPEATS = 3
PEERS = ("mlflow", "fasttrackml")


def log_metric(bench: Bench) -> Measured:
    """`call.log_metric`: microseconds of a fluent call, as the training loop feels it."""
    peers = {name: median * 1e6 for name, median in _peer_calls(bench).items()}
    server = bench.runstream()
    attempts = [server.job("log_metric_calls", calls=CALLS) for _ in range(3)]
    bench.discard(server)
    best = min(attempts, key=lambda attempt: float(attempt["median"]))
    ours = best.pop("median")
    return Measured(ours, peers, best)


def unary_log(bench: Bench) -> Measured:
    """`unary.log`: milliseconds of a durable call with one point."""
    peers = {name: median * 1e3 for name, median in _peer_calls(bench).items()}
    server = bench.runstream()
    seconds = sorted(server.job("log", calls=UNARY_CALLS))
    bench.discard(server)
    p99 = seconds[int(0.99 * UNARY_CALLS)]
    return Measured(statistics.median(seconds) * 1e3, peers, {"p99": p99 * 1e3})


def keras_history(bench: Bench) -> Measured:
    """`example.keras_history`: milliseconds from `start_run` to the end of the run."""
    peers = {}
    for name in PEERS:
        for batch in (False, True):
            what = "one log_batch" if batch else "200 calls"
            progress(f"{name}, {what}")
            seconds = bench.peer(name).job("keras_history", repeats=PEER_REPEATS, batch=batch)
            peers[f"{name}, {what}"] = statistics.median(seconds) * 1e3
    server = bench.runstream()
    seconds = server.job("keras_history", repeats=REPEATS)
    bench.discard(server)
    return Measured(statistics.median(seconds) * 1e3, peers, {"longest": max(seconds) * 1e3})


def _peer_calls(bench: Bench) -> dict[str, float]:
    progress(f"log_metric of {' and '.join(PEERS)}")
    return {
        name: statistics.median(bench.peer(name).job("log_metric", calls=PEER_CALLS))
        for name in PEERS
    }


FIGURES = (
    Figure(
        "call.log_metric",
        "µs",
        log_metric,
        (
            Target("median 1 µs", lambda m: m.ours <= 1),
            Target("p99 10 µs", lambda m: m.details["p99"] <= 10),
        ),
    ),
    Figure(
        "example.keras_history",
        "ms",
        keras_history,
        (
            Target(
                "90 times faster than MLflow's 200 calls",
                lambda m: 90 * m.ours <= m.peers["mlflow, 200 calls"],
            ),
            Target(
                "faster than MLflow's one log_batch",
                lambda m: m.ours < m.peers["mlflow, one log_batch"],
            ),
        ),
    ),
    Figure(
        "unary.log",
        "ms",
        unary_log,
        (Target("median under 1.5 ms", lambda m: m.ours < 1.5),),
    ),
)
