"""How soon a watcher sees what is logged."""

from __future__ import annotations

import dataclasses
import sys

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target

WATCHERS = 100
POINTS = 100
INTERVAL = 0.05


def latency(bench: Bench) -> Measured:
    """`watch.latency`: milliseconds from logger to watcher, median over all watchers and points."""
    progress(f"{WATCHERS} watchers")
    server = bench.runstream()
    driven = dataclasses.replace(
        server, worker=(sys.executable, "-m", "benchmarks.workers.watchers")
    )
    seconds = sorted(driven.job("watch", watchers=WATCHERS, points=POINTS, interval=INTERVAL))
    bench.discard(server)
    return Measured(
        seconds[len(seconds) // 2] * 1e3,
        details={"p99": seconds[int(0.99 * len(seconds))] * 1e3, "longest": seconds[-1] * 1e3},
    )


FIGURES = (
    Figure(
        "watch.latency",
        "ms",
        latency,
        (Target("median under 20 ms", lambda m: m.ours < 20),),
    ),
)
