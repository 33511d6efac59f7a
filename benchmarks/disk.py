"""How much room points take."""

from __future__ import annotations

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.ingest import BATCH, KEYS, POINTS, TABLE
from benchmarks.server import Server

PEER_POINTS = {"mlflow": 20_000, "fasttrackml": 100_000}


def bytes_per_point(bench: Bench) -> Measured:
    """`disk.bytes_per_point`: growth of the database by a point, after its server has stopped."""
    progress("runstream")
    ours = _growth(bench, bench.runstream(), POINTS, {})
    details = {kind: _growth_by_arrays(bench, kind) for kind in ("smooth", "float32", "noise")}
    found = {}
    for name, points in PEER_POINTS.items():
        found[name] = _growth(bench, bench.new_peer(name), points, {"via": "rest"})
    return Measured(ours, found, details)


def _growth(bench: Bench, server: Server, points: int, way: dict[str, str]) -> float:
    before = server.bytes_on_disk()
    server.job("log_batch", points=points, keys=KEYS, size=BATCH, **way)
    server.stop()
    after = server.bytes_on_disk()
    bench.discard(server)
    return (after - before) / points


def _growth_by_arrays(bench: Bench, kind: str) -> float:
    server = bench.runstream()
    before = server.bytes_on_disk()
    server.job("log_arrays", points=POINTS, keys=KEYS, size=TABLE, kind=kind)
    server.stop()
    after = server.bytes_on_disk()
    bench.discard(server)
    return (after - before) / POINTS


FIGURES = (
    Figure(
        "disk.bytes_per_point",
        "bytes",
        bytes_per_point,
        (
            Target("8 bytes", lambda m: m.ours <= 8),
            Target("2 if smooth", lambda m: m.details["smooth"] <= 2),
            Target("5 of single precision", lambda m: m.details["float32"] <= 5),
            Target("9 of noise", lambda m: m.details["noise"] <= 9),
        ),
    ),
)
