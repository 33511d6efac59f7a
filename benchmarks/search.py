"""How fast runs are found.

The runs are made once for all figures of a run of the benchmarks: 2,000 for each system, and
100,000 for ours.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import cache
from typing import Any

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

RUNS = 2_000
MANY_RUNS = 100_000
LATE_PAGE = 90
PEERS = ("mlflow", "fasttrackml")


def page(bench: Bench) -> Measured:
    """`search.page`: milliseconds for a page of 1,000 whole runs of 2,000."""
    return _compared(bench, "page")


def selective(bench: Bench) -> Measured:
    """`search.filter`: milliseconds for 20 runs of 2,000 by a metric, ordered by another."""
    return _compared(bench, "filter")


def tag(bench: Bench) -> Measured:
    """`search.tag`: milliseconds for 200 runs of 2,000 by a tag, ordered by a metric."""
    return _compared(bench, "tag")


def at_100k(bench: Bench) -> Measured:
    """`search.at_100k`: how many times longer such searches take among 100,000 runs, at worst.

    To the three above comes one by params that are numbers.
    """
    few, many = _ours(bench, RUNS)["best"], _ours(bench, MANY_RUNS)["best"]
    times = {name: many[name] / few[name] for name in few}
    details = {f"{name}, times": ratio for name, ratio in times.items()}
    details |= {f"{name}, ms": seconds * 1e3 for name, seconds in many.items()}
    return Measured(max(times.values()), details=details)


def deep_page(bench: Bench) -> Measured:
    """`search.deep_page`: how many times longer page 90 takes than page 1, at worst."""
    times, details = [], {}
    for name, order_by in (("default order", []), ("by a metric", ["metrics.metric_0"])):
        progress(f"page {LATE_PAGE}, {name}")
        seconds = _filled(bench, MANY_RUNS).job("pages", number=LATE_PAGE, order_by=order_by)
        times.append(seconds["late"] / seconds["first"])
        details[f"{name}, page 1, ms"] = seconds["first"] * 1e3
        details[f"{name}, page {LATE_PAGE}, ms"] = seconds["late"] * 1e3
    return Measured(max(times), details=details)


def _compared(bench: Bench, name: str) -> Measured:
    peers = {peer: min(_peer(bench, peer)[name].values()) * 1e3 for peer in PEERS}
    details = {
        f"{peer} {way}": seconds * 1e3
        for peer in PEERS
        for way, seconds in _peer(bench, peer)[name].items()
    }
    ours = _ours(bench, RUNS)
    details["the first time, before the server keeps the runs"] = ours["first"][name] * 1e3
    return Measured(ours["best"][name] * 1e3, peers, details)


@cache
def _ours(bench: Bench, count: int) -> dict[str, dict[str, float]]:
    server = _filled(bench, count)
    progress(f"searching {count:,} runs")
    seconds: dict[str, dict[str, float]] = server.job("search", count=count)
    return seconds


@cache
def _filled(bench: Bench, count: int) -> Server:
    progress(f"filling runstream with {count:,} runs")
    server = dataclasses.replace(
        bench.runstream(), worker=(sys.executable, "-m", "benchmarks.workers.ours_search")
    )
    server.job("fill", count=count)
    return server


@cache
def _peer(bench: Bench, name: str) -> dict[str, Any]:
    shared = bench.peer(name)
    worker = (*shared.worker[:-1], "benchmarks.workers.peer_search")
    server = dataclasses.replace(shared, worker=worker)
    progress(f"filling {name} with {RUNS:,} runs")
    experiment_id = server.job("fill", count=RUNS)
    progress(f"searching {name}")
    seconds: dict[str, Any] = server.job("search", count=RUNS, experiment_id=experiment_id)
    return seconds


FIGURES = (
    Figure(
        "search.page",
        "ms",
        page,
        (Target("4 times FastTrackML", lambda m: 4 * m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "search.filter",
        "ms",
        selective,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "search.tag",
        "ms",
        tag,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "search.at_100k",
        "times",
        at_100k,
        (Target("3 times the time at 2,000", lambda m: m.ours <= 3),),
    ),
    Figure(
        "search.deep_page",
        "times",
        deep_page,
        (Target("page 90 as page 1", lambda m: m.ours <= 1.25),),
    ),
)
