"""Drives the Python client while the server is away, and delivers what it wrote meanwhile."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

import runstream
from benchmarks.workers.job import main
from benchmarks.workers.workload import arrays
from runstream import TrackingClient


def start_run_calls(uri: str, calls: int) -> dict[str, float]:
    """Time `start_run`; return milliseconds. The runs end untimed, and all is delivered at the end.

    The first call, which waits for a server that is away, is in none of the other figures.
    """
    _end_soon()
    runstream.set_tracking_uri(uri)
    times = []
    for _ in range(1 + calls):
        start = time.perf_counter()
        run = runstream.start_run()
        times.append((time.perf_counter() - start) * 1e3)
        run.end()
    first, *others = times
    others.sort()
    p99 = others[int(0.99 * calls)]
    return {"median": statistics.median(others), "p99": p99, "first": first}


def offline(uri: str, points: int, keys: int, size: int, folder: str) -> float:
    """Write points into a folder, for `deliver`; return the seconds until all are in it."""
    del uri
    start = time.perf_counter()
    runstream.set_tracking_uri(f"offline:{folder}")
    with runstream.start_run() as run:
        for names, key, step, timestamp, value in arrays(points, keys, size, "loss"):
            run.log_columns(key, value, step, timestamp, keys=names)
    runstream.flush()
    return time.perf_counter() - start


def deliver(uri: str, folder: str, points: int) -> float:
    """Deliver a folder; return the seconds until all is on disk on the server."""
    start = time.perf_counter()
    runstream.sync(folder, to=uri)
    taken = time.perf_counter() - start
    with TrackingClient(uri) as client:
        (run,) = client.search_runs(["0"])
        stored = sum(len(p.value) for p in client.read_metric_history(run.info.run_id))
    if stored != points:
        raise RuntimeError(f"{stored} points are there of {points}")
    return taken


def memory(uri: str, points: int, by_columns: bool) -> dict[str, float]:
    """Log points while the server is away; return by how many megabytes the process grew."""
    _end_soon()
    runstream.set_tracking_uri(uri)
    tables: Any = arrays(points, 10, 50_000, "loss") if by_columns else ()
    with runstream.start_run() as run:
        run.log_metric("loss", 0.5, step=0)
        before = _status("VmRSS")
        start = time.perf_counter()
        for names, key, step, timestamp, value in tables:
            run.log_columns(key, value, step, timestamp, keys=names)
        for step in range(0 if by_columns else points):
            run.log_metric("loss", 0.5, step=step)
        taken = time.perf_counter() - start
        time.sleep(1)  # what waits for its way to the disk takes memory, too
    return {"megabytes": (_status("VmHWM") - before) / 1e6, "seconds": taken}


def _end_soon() -> None:
    """Let the program not wait for its server at its end."""
    os.environ["RUNSTREAM_EXIT_SECONDS"] = "1"


def _status(field: str) -> float:
    """Return a size of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    jobs = (start_run_calls, offline, deliver, memory)
    main({job.__name__: job for job in jobs})
