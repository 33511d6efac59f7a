"""Speed on PostgreSQL, of our server and of MLflow's.

PostgreSQL runs on the same machine as its makers ship it: each commit is on disk. All figures share
it, each with a database of its own.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.history import OUR_POINTS, PEER_POINTS
from benchmarks.ingest import BATCH, KEYS, MANY_POINTS, POINTS, TABLE
from benchmarks.search import RUNS
from benchmarks.server import Server, processor_seconds
from benchmarks.streams import DRIVERS, send

ROUNDS = 3
LOGGED_BY_MLFLOW = 10_000

STREAMS = 200
SECONDS = 15

# Numbers of threads that send to MLflow; the best counts.
THREADS = (1, 4, 16)


def columns(bench: Bench) -> Measured:
    """`pg.ingest.columns`: ten million points by `log_columns` of NumPy arrays."""
    return _ingest(bench, "log_arrays", MANY_POINTS, TABLE)


def batch(bench: Bench) -> Measured:
    """`pg.ingest.batch`: a million points by `log_batch`, 1,000 a call."""
    return _ingest(bench, "log_batch", POINTS, BATCH)


def small_batches(bench: Bench) -> Measured:
    """`pg.small_batches`: ms to the answer of requests with a point of 10 metrics.

    200 streams send one a second; the percentile is the better of two attempts. Then each sends the
    next one when the last is answered.
    """
    attempts = []
    for number in range(2):
        progress(f"runstream, {STREAMS} requests/s, {number + 1} of 2")
        with _runstream(bench) as server:
            attempts.append(_answers(_drive(server, interval=1.0)))
    progress("runstream, as many requests/s as are answered")
    with _runstream(bench) as server:
        rate = len(_answers(_drive(server, interval=0.0))) / SECONDS
    mlflow = bench.mlflow_on_postgresql()
    rates = {}
    for threads in THREADS:
        progress(f"mlflow, {threads} threads")
        rates[f"mlflow, {threads} threads, requests/s"] = mlflow.job(
            "small_batches", keys=KEYS, threads=threads, seconds=SECONDS
        )
    p99 = sorted(answers[int(len(answers) * 0.99)] * 1e3 for answers in attempts)
    details = {"p99 of the other attempt": p99[1], "requests/s": rate, **rates}
    details["times MLflow's requests/s"] = rate / max(rates.values())
    return Measured(p99[0], details=details)


def page(bench: Bench) -> Measured:
    """`pg.search.page`: as `search.page`, on both databases in turn."""
    return _search(bench, "page")


def selective(bench: Bench) -> Measured:
    """`pg.search.filter`: as `search.filter`, on both databases in turn."""
    return _search(bench, "filter")


def tag(bench: Bench) -> Measured:
    """`pg.search.tag`: as `search.tag`, on both databases in turn."""
    return _search(bench, "tag")


def history(bench: Bench) -> Measured:
    """`pg.history.read`: as `history.read`, on both databases in turn."""
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        for name, database in (("PostgreSQL", bench.postgres().create_database()), ("SQLite", "")):
            with _runstream(bench, database) as server:
                seconds = server.job("history", points=OUR_POINTS)["arrays"]
            rates[name].append(OUR_POINTS / seconds)
    points = PEER_POINTS["mlflow"]
    progress(f"mlflow, {points:,} points")
    ways = bench.mlflow_on_postgresql().job("history", points=points)
    peers = {"SQLite": max(rates["SQLite"]), "mlflow": points / min(ways.values())}
    return Measured(max(rates["PostgreSQL"]), peers)


def workers(bench: Bench) -> Measured:
    """`pg.workers`: how many times as many small batches two workers answer as one does.

    The details have the share of a core that each process had.
    """
    rates, details = {}, {}
    for count in (1, 2):
        progress(f"workers: {count}")
        server = bench.runstream(bench.postgres().create_database(), count)
        before = _processor_seconds(bench, server)
        results = _drive(server, interval=0.0)
        shares = {n: t - before[n] for n, t in _processor_seconds(bench, server).items()}
        shares["drivers"] = sum(result["processor"] for result in results)
        rates[count] = len(_answers(results)) / SECONDS
        details[f"of {count}: requests/s"] = rates[count]
        details |= {f"of {count}: cores, {name}": t / SECONDS for name, t in shares.items()}
        bench.discard(server)
    return Measured(rates[2] / rates[1], details=details)


def _processor_seconds(bench: Bench, server: Server) -> dict[str, float]:
    """Return the processor time of our server's workers and of PostgreSQL, by name."""
    seconds = server.seconds_of_workers() or [server.processor_seconds()]
    by_name = {f"worker {i + 1}": taken for i, taken in enumerate(seconds)}
    return {**by_name, "PostgreSQL": processor_seconds(bench.postgres().process.pid)}


def _ingest(bench: Bench, job: str, points: int, size: int) -> Measured:
    """Log points in some rounds, by each system in turn; the best counts."""
    ours, theirs = [], []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        with _runstream(bench) as server:
            ours.append(points / server.job(job, points=points, keys=KEYS, size=size))
        for via in ("client", "rest"):
            seconds = bench.mlflow_on_postgresql().job(
                "log_batch", points=LOGGED_BY_MLFLOW, keys=KEYS, size=BATCH, via=via
            )
            theirs.append(LOGGED_BY_MLFLOW / seconds)
    return Measured(max(ours), {"mlflow": max(theirs)})


def _search(bench: Bench, name: str) -> Measured:
    seconds = _searched(bench)
    sqlite, ours = (seconds[database] for database in ("SQLite", "PostgreSQL"))
    peers = {"SQLite": sqlite["best"][name], "mlflow": seconds["mlflow"]["best"][name]}
    details = {"the first time": ours["first"][name], "of SQLite": sqlite["first"][name]}
    return Measured(
        ours["best"][name] * 1e3,
        {peer: taken * 1e3 for peer, taken in peers.items()},
        {way: taken * 1e3 for way, taken in details.items()},
    )


@cache
def _searched(bench: Bench) -> dict[str, dict[str, dict[str, float]]]:
    """Return what each search takes at best, by database, and for the first time after a start."""
    times: dict[str, dict[str, dict[str, float]]] = {}
    servers = {"PostgreSQL": bench.runstream(bench.postgres().create_database())}
    servers["SQLite"] = bench.runstream()
    for name, server in servers.items():
        progress(f"filling {name} with {RUNS:,} runs")
        servers[name] = dataclasses.replace(
            server, worker=(sys.executable, "-m", "benchmarks.workers.ours_search")
        )
        servers[name].job("fill", count=RUNS)
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        for name, server in servers.items():
            found = server.job("search", count=RUNS)
            best = times.setdefault(name, found)["best"]
            best |= {search: min(taken, best[search]) for search, taken in found["best"].items()}
    for server in servers.values():
        bench.discard(server)
    times["mlflow"] = {"best": _searched_by_mlflow(bench)}
    return times


def _searched_by_mlflow(bench: Bench) -> dict[str, float]:
    shared = bench.mlflow_on_postgresql()
    worker = (*shared.worker[:-1], "benchmarks.workers.peer_search")
    server = dataclasses.replace(shared, worker=worker)
    progress(f"filling mlflow with {RUNS:,} runs")
    experiment_id = server.job("fill", count=RUNS)
    found = server.job("search", count=RUNS, experiment_id=experiment_id)
    return {name: min(ways.values()) for name, ways in found.items()}


@contextmanager
def _runstream(bench: Bench, database: str | None = None) -> Iterator[Server]:
    """Start our server for a block, on a new database of PostgreSQL unless a database is named."""
    if database is None:
        database = bench.postgres().create_database()
    server = bench.runstream(database)
    yield server
    bench.discard(server)


def _drive(server: Server, interval: float) -> list[dict[str, Any]]:
    """Send small batches to a server; return the results of the drivers."""
    arguments = {"interval": interval, "points": 1, "keys": KEYS, "seconds": SECONDS}
    jobs = [send(server, count=STREAMS // DRIVERS, **arguments) for _ in range(DRIVERS)]
    return [job.result() for job in jobs]


def _answers(results: list[dict[str, Any]]) -> list[float]:
    """Return the seconds to each answer, in order."""
    if errors := [error for result in results for error in result["errors"]]:
        raise RuntimeError(f"{len(errors)} streams failed, the first with {errors[0]}")
    return sorted(taken for result in results for taken in result["answers"])


def _fifty_times_mlflow(measured: Measured) -> bool:
    return measured.ours >= 50 * measured.peers["mlflow"]


def _twice_sqlite(measured: Measured) -> bool:
    return measured.ours <= 2 * measured.peers["SQLite"]


FIGURES = (
    Figure(
        "pg.ingest.columns",
        "points/s",
        columns,
        (
            Target("1,000,000 points/s", lambda m: m.ours >= 1e6),
            Target("50 times MLflow", _fifty_times_mlflow),
        ),
    ),
    Figure(
        "pg.ingest.batch",
        "points/s",
        batch,
        (
            Target("400,000 points/s", lambda m: m.ours >= 4e5),
            Target("50 times MLflow", _fifty_times_mlflow),
        ),
    ),
    Figure(
        "pg.small_batches",
        "ms",
        small_batches,
        (
            Target("p99 100 ms", lambda m: m.ours <= 100),
            Target(
                "5 times MLflow's requests/s",
                lambda m: m.details["times MLflow's requests/s"] >= 5,
            ),
        ),
    ),
    *(
        Figure(f"pg.search.{name}", "ms", measure, (Target("twice SQLite's time", _twice_sqlite),))
        for name, measure in (("page", page), ("filter", selective), ("tag", tag))
    ),
    Figure(
        "pg.history.read",
        "points/s",
        history,
        (Target("half of SQLite's rate", lambda m: 2 * m.ours >= m.peers["SQLite"]),),
    ),
    Figure("pg.workers", "times", workers, ()),
)
