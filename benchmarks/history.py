"""How fast a history is read."""

from __future__ import annotations

import statistics

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target

POINTS = 250_000
OUR_POINTS = 5_000_000
BUCKETED_POINTS = 1_000_000
MANY_POINTS = 100_000_000
MAX_POINTS = 5_000  # of a bucket: first, last, least, greatest and a NaN
PEER_POINTS = {"mlflow": 50_000, "fasttrackml": POINTS}


def read(bench: Bench) -> Measured:
    """`history.read`: points/s of one metric read into NumPy; see docs/benchmarks.md."""
    peers: dict[str, float] = {}
    details: dict[str, float] = {}
    for name, points in PEER_POINTS.items():
        progress(f"{name}, {points:,} points")
        ways = bench.peer(name).job("history", points=points)
        details |= {f"{name} {way}": points / seconds for way, seconds in ways.items()}
        peers[name] = points / min(ways.values())
    progress("runstream")
    server = bench.runstream()
    ways = server.job("history", points=OUR_POINTS)
    bench.discard(server)
    details |= {way: OUR_POINTS / seconds for way, seconds in ways.items()}
    return Measured(details.pop("arrays"), peers, details)


def buckets(bench: Bench) -> Measured:
    """`history.buckets`: milliseconds for 1M points drawn at 1,000 buckets, read into NumPy."""
    seconds = _thin(bench, BUCKETED_POINTS)
    many = _thin(bench, MANY_POINTS)
    details = {"best": min(seconds) * 1e3, "100M points": statistics.median(many) * 1e3}
    return Measured(statistics.median(seconds) * 1e3, details=details)


def _thin(bench: Bench, points: int) -> list[float]:
    progress(f"runstream, {points:,} points")
    server = bench.runstream()
    seconds: list[float] = server.job("buckets", points=points, max_points=MAX_POINTS)
    bench.discard(server)
    return seconds


FIGURES = (
    Figure(
        "history.read",
        "points/s",
        read,
        (
            Target(
                "250 times FastTrackML, or 20,000,000 points/s",
                lambda m: m.ours >= min(250 * m.peers["fasttrackml"], 20e6),
            ),
        ),
    ),
    Figure(
        "history.buckets",
        "ms",
        buckets,
        (
            Target("10 ms", lambda m: m.ours <= 10),
            Target("60 ms for 100M points", lambda m: m.details["100M points"] <= 60),
        ),
    ),
)
