"""How fast a history is read."""

from __future__ import annotations

import statistics

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target

POINTS = 250_000
BUCKETED_POINTS = 1_000_000
MAX_POINTS = 5_000  # of a bucket: first, last, least, greatest and a NaN
PEER_POINTS = {"mlflow": 50_000, "fasttrackml": POINTS}


def read(bench: Bench) -> Measured:
    """`history.read`: points/s of one metric read into Python; see docs/benchmarks.md."""
    peers: dict[str, float] = {}
    details: dict[str, float] = {}
    for name, points in PEER_POINTS.items():
        progress(f"{name}, {points:,} points")
        ways = bench.peer(name).job("history", points=points)
        details |= {f"{name} {way}": points / seconds for way, seconds in ways.items()}
        peers[name] = points / min(ways.values())
    progress("runstream")
    server = bench.runstream()
    ways = server.job("history", points=POINTS)
    bench.discard(server)
    # In columns, as the fastest of FastTrackML's ways gives them.
    details["rows"] = POINTS / ways["rows"]
    return Measured(POINTS / ways["columns"], peers, details)


def buckets(bench: Bench) -> Measured:
    """`history.buckets`: milliseconds for 1M points drawn at 1,000 buckets, read into NumPy."""
    progress(f"runstream, {BUCKETED_POINTS:,} points")
    server = bench.runstream()
    seconds = server.job("buckets", points=BUCKETED_POINTS, max_points=MAX_POINTS)
    bench.discard(server)
    return Measured(statistics.median(seconds) * 1e3, details={"best": min(seconds) * 1e3})


FIGURES = (
    Figure(
        "history.read",
        "points/s",
        read,
        (Target("10 times FastTrackML", lambda m: m.ours >= 10 * m.peers["fasttrackml"]),),
    ),
    Figure(
        "history.buckets",
        "ms",
        buckets,
        (Target("under 400 ms", lambda m: m.ours < 400),),
    ),
)
