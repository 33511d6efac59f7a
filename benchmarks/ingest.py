"""Rates of logging: points a second until all of them are on disk."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server, runstream
from benchmarks.workers.workload import rows

POINTS = 1_000_000
KEYS = 10
BATCH = 1000  # the most that MLflow takes in a call

# Fewer points for the peers, so that they end in reasonable time; their rates do not depend on it.
PEER_POINTS = {"mlflow": 10_000, "fasttrackml": 60_000}
ROUNDS = 5

MANY_POINTS = 10_000_000

TABLE = 50_000  # points in a call of log_columns

# The larger a transaction, the faster SQLite, up to about this size.
TRANSACTION = 100_000

BIG_RUNS = 500

# Clustered by series and step, and an identical point is stored once.
_TABLE_OF_ROWS = """
CREATE TABLE point (
    series_id INTEGER NOT NULL, step INTEGER NOT NULL, timestamp INTEGER NOT NULL, value NOT NULL,
    PRIMARY KEY (series_id, step, timestamp, value)
) WITHOUT ROWID
"""


def batch(bench: Bench) -> Measured:
    """`ingest.batch`: the public batch call of each, and SQLite without any of them.

    The best of some rounds, in each of which all take their turn.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    size = {"keys": KEYS, "size": BATCH}
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        for name, points in PEER_POINTS.items():
            for via in ("client", "rest"):
                seconds = bench.peer(name).job("log_batch", points=points, via=via, **size)
                rates[f"{name} {via}"].append(points / seconds)
        rates["executemany"].append(_executemany(bench))
        rates["log_batch"].append(_rate(bench))
        server = bench.runstream()
        seconds = server.job("log_columns", runs=1, points=POINTS, keys=KEYS, size=TABLE)
        bench.discard(server)
        rates[f"log_columns, {TABLE:,} points a call"].append(POINTS / seconds)
    best = {name: max(rates) for name, rates in rates.items()}
    peers = {name: max(best[f"{name} client"], best[f"{name} rest"]) for name in PEER_POINTS}
    peers["executemany"] = best.pop("executemany")
    return Measured(best.pop("log_batch"), peers, best)


def by_columns(bench: Bench) -> Measured:
    """`ingest.columns`: ten million points by `log_columns` of NumPy arrays, on disk at the end."""
    rates, peers = [], []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        server = bench.runstream()
        seconds = server.job("log_arrays", points=MANY_POINTS, keys=KEYS, size=TABLE)
        rates.append(MANY_POINTS / seconds)
        bench.discard(server)
        peers.append(_executemany(bench))
    return Measured(max(rates), {"executemany": max(peers)})


def log_metric(bench: Bench) -> Measured:
    """`ingest.log_metric`: one fluent call a point, up to the end of the run."""
    seconds = []
    for attempt in range(3):
        progress(f"runstream, {attempt + 1} of 3")
        server = bench.runstream()
        seconds.append(server.job("log_metric", points=POINTS))
        bench.discard(server)
    return Measured(POINTS / min(seconds))


def at_500m(bench: Bench) -> Measured:
    """`ingest.at_500M`: the rate of `ingest.batch` into a full file and into an empty one."""
    server = bench.runstream()
    progress(f"runstream, {BIG_RUNS} million points to begin with")
    taken = server.job("log_arrays", runs=BIG_RUNS, points=POINTS, keys=KEYS, size=TABLE)
    server.stop()
    details = {
        "points before": float(BIG_RUNS * POINTS),
        "megabytes before": server.bytes_on_disk() / 1e6,
        "points/s of filling": BIG_RUNS * POINTS / taken,
    }
    full, empty = [], []
    server = runstream(server.directory)
    try:
        for attempt in range(3):
            progress(f"runstream, {attempt + 1} of 3")
            full.append(_rate_of(server))
            empty.append(_rate(bench))
    finally:
        bench.discard(server)
    return Measured(max(full), {"empty file": max(empty)}, details)


def _rate(bench: Bench) -> float:
    server = bench.runstream()
    rate = _rate_of(server)
    bench.discard(server)
    return rate


def _rate_of(server: Server) -> float:
    return float(POINTS / server.job("log_batch", points=POINTS, keys=KEYS, size=BATCH))


def _executemany(bench: Bench) -> float:
    """Insert the same points into a table of rows with Python's sqlite3 alone."""
    points = [(int(key[7:]), step, time, value) for key, value, time, step in rows(POINTS, KEYS)]
    directory = bench.new_directory("rows")
    with closing(_empty_table(directory)) as database:
        start = time.perf_counter()
        for first in range(0, POINTS, TRANSACTION):
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT INTO point VALUES (?, ?, ?, ?)", points[first : first + TRANSACTION]
            )
            database.execute("COMMIT")
        taken = time.perf_counter() - start
    shutil.rmtree(directory)
    return POINTS / taken


def _empty_table(directory: Path) -> sqlite3.Connection:
    """Make a database with a table of points as rows, and the pragmas of our server."""
    database = sqlite3.connect(directory / "rows.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = wal")
    database.execute("PRAGMA synchronous = full")
    database.execute("PRAGMA cache_size = -65536")
    database.execute("PRAGMA wal_autocheckpoint = 4096")
    database.execute(_TABLE_OF_ROWS)
    return database


FIGURES = (
    Figure(
        "ingest.columns",
        "points/s",
        by_columns,
        (
            Target("4,000,000 points/s", lambda m: m.ours >= 4e6),
            Target("5 times executemany", lambda m: m.ours >= 5 * m.peers["executemany"]),
        ),
    ),
    Figure(
        "ingest.batch",
        "points/s",
        batch,
        (
            Target("130 times MLflow", lambda m: m.ours >= 130 * m.peers["mlflow"]),
            Target("25 times FastTrackML", lambda m: m.ours >= 25 * m.peers["fasttrackml"]),
            Target("1.5 times executemany", lambda m: m.ours >= 1.5 * m.peers["executemany"]),
        ),
    ),
    Figure(
        "ingest.log_metric",
        "points/s",
        log_metric,
        (Target("1,000,000 points/s", lambda m: m.ours >= 1e6),),
    ),
    Figure(
        "ingest.at_500M",
        "points/s",
        at_500m,
        (
            Target(
                "0.8 of the rate into an empty file",
                lambda m: m.ours >= 0.8 * m.peers["empty file"],
            ),
        ),
    ),
)
