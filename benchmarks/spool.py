"""What it costs that all is on the client's disk first, and what it gains in an outage."""

from __future__ import annotations

import dataclasses
import statistics
import sys
from collections.abc import Callable

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

ROUNDS = 7
CALLS = 300_000
POINTS = 1_000_000
MANY_POINTS = 10_000_000
KEYS = 10
TABLE = 50_000
DELIVERIES = 3
STARTS = 300


def start_run(bench: Bench) -> Measured:
    """`call.start_run`: milliseconds of the call, with the server there and while it is away."""
    server = bench.runstream()
    here = _spooling(bench, server).job("start_run_calls", calls=STARTS)
    server.stop()
    progress("the server is away")
    away = _spooling(bench, server).job("start_run_calls", calls=STARTS)
    bench.discard(server)
    details = {"p99": here["p99"]} | {f"{name}, away": ms for name, ms in away.items()}
    return Measured(here["median"], details=details)


def cost(bench: Bench) -> Measured:
    """`spool.cost`: how many times longer logging takes with the spool, at worst."""
    ways: dict[str, Callable[[Server], float]] = {
        "call.log_metric": lambda at: float(at.job("log_metric_calls", calls=CALLS)["median"]),
        "ingest.log_metric": lambda at: float(at.job("log_metric", points=POINTS)),
    }
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        for name, measure in ways.items():
            order = ("", "0") if number % 2 else ("0", "")
            taken = {limit: _on_new_server(bench, limit, measure) for limit in order}
            ratios[name].append(taken[""] / taken["0"])
    details = {name: statistics.median(found) for name, found in ratios.items()}
    details |= {f"{name}, best round": min(found) for name, found in ratios.items()}
    details |= {f"{name}, worst round": max(found) for name, found in ratios.items()}
    return Measured(max(details[name] for name in ways), details=details)


def deliver(bench: Bench) -> Measured:
    """`spool.deliver`: points/s from a folder to disk on the server; the best of some times."""
    rates, writing = [], []
    for attempt in range(DELIVERIES):
        progress(f"{attempt + 1} of {DELIVERIES}")
        server = bench.runstream()
        worker = _spooling(bench, server)
        folder = str(bench.new_directory("offline"))
        size = {"points": MANY_POINTS, "keys": KEYS, "size": TABLE}
        writing.append(MANY_POINTS / worker.job("offline", folder=folder, **size))
        rates.append(MANY_POINTS / worker.job("deliver", folder=folder, points=MANY_POINTS))
        bench.discard(server)
    return Measured(max(rates), details={"points/s into the folder": max(writing)})


def memory(bench: Bench) -> Measured:
    """`spool.memory`: megabytes by which a program grows that logs while the server is away."""
    server = bench.runstream()
    server.stop()
    found = {}
    for way, by_columns in (("log_metric", False), ("log_columns", True)):
        progress(f"{MANY_POINTS:,} points by {way}, while the server is away")
        job = _spooling(bench, server)
        found[way] = job.job("memory", points=MANY_POINTS, by_columns=by_columns)
    bench.discard(server)
    details = {f"points/s by {way}": MANY_POINTS / one["seconds"] for way, one in found.items()}
    details |= {f"MB by {way}": one["megabytes"] for way, one in found.items()}
    return Measured(max(one["megabytes"] for one in found.values()), details=details)


def _spooling(bench: Bench, server: Server) -> Server:
    """Return a server as programs with a new spool see it: what one leaves no other delivers."""
    return dataclasses.replace(
        server,
        worker=(sys.executable, "-m", "benchmarks.workers.ours_spool"),
        environment=_new_spool(bench, server),
    )


def _new_spool(bench: Bench, server: Server) -> dict[str, str]:
    return {**server.environment, "RUNSTREAM_SPOOL": str(bench.new_directory("spool"))}


def _on_new_server(bench: Bench, limit: str, measure: Callable[[Server], float]) -> float:
    """Measure with a limit of the spool, 0 for none, on an empty server."""
    server = bench.runstream()
    environment = _new_spool(bench, server) | ({"RUNSTREAM_SPOOL_LIMIT": limit} if limit else {})
    taken = measure(dataclasses.replace(server, environment=environment))
    bench.discard(server)
    return taken


FIGURES = (
    Figure(
        "call.start_run",
        "ms",
        start_run,
        (
            Target("median 1.5 ms", lambda m: m.ours <= 1.5),
            Target("0.2 ms while the server is away", lambda m: m.details["median, away"] <= 0.2),
        ),
    ),
    Figure("spool.cost", "times", cost, (Target("at most 5 % more", lambda m: m.ours <= 1.05),)),
    Figure(
        "spool.deliver",
        "points/s",
        deliver,
        (Target("3,000,000 points/s", lambda m: m.ours >= 3e6),),
    ),
    Figure("spool.memory", "MB", memory, (Target("150 MB", lambda m: m.ours <= 150),)),
)
