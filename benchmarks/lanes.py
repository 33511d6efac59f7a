"""Whether anybody waits for somebody else's slow query."""

from __future__ import annotations

import dataclasses
import sys
from functools import cache

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

RUNS = 10_000
SEARCHES = 20
CALLS = 500


def on_sqlite(bench: Bench) -> Measured:
    """`read.lanes`: ms p99 of GetRun while 20 searches go through 10,000 runs."""
    return _lanes(_filled(bench, None))


def on_postgresql(bench: Bench) -> Measured:
    """`pg.read.lanes`: the same on PostgreSQL."""
    return _lanes(_filled(bench, bench.postgres().create_database()))


def _lanes(server: Server) -> Measured:
    worker = (*server.worker[:-1], "benchmarks.workers.ours_lanes")
    progress(f"{SEARCHES} slow searches")
    server = dataclasses.replace(server, worker=worker)
    found = server.job("lanes", searches=SEARCHES, calls=CALLS)
    details = {
        f"{what}, {when}, {name}": sorted(found[when][what])[int(CALLS * share)] * 1e3
        for what in ("GetRun", "page")
        for when in ("quiet", "busy")
        for name, share in (("median", 0.5), ("p99", 0.99))
    }
    details["searches that ended meanwhile"] = found["searches"]
    return Measured(details.pop("GetRun, busy, p99"), details=details)


@cache
def _filled(bench: Bench, database: str | None) -> Server:
    progress(f"filling runstream with {RUNS:,} runs")
    worker = (sys.executable, "-m", "benchmarks.workers.ours_search")
    server = dataclasses.replace(bench.runstream(database), worker=worker)
    server.job("fill", count=RUNS)
    return server


_WITHIN = (Target("GetRun p99 under 50 ms", lambda m: m.ours < 50),)

FIGURES = (
    Figure("read.lanes", "ms", on_sqlite, _WITHIN),
    Figure("pg.read.lanes", "ms", on_postgresql, _WITHIN),
)
