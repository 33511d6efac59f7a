"""Importing the local stores of other trackers."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.workers.workload import rows

RUNS = 20
POINTS = 50_000  # of each run
KEYS = 10


def trackio(bench: Bench) -> Measured:
    """`import.trackio`: points/s of `runstream import trackio` of a project."""
    progress(f"filling a database of Trackio with {RUNS * POINTS:,} points")
    folder = bench.new_directory("trackio")
    _fill_trackio(folder / "project.db")
    server = bench.runstream()
    command = [sys.executable, "-m", "runstream", "import", "trackio", str(folder)]
    start = time.perf_counter()
    subprocess.run(
        command, check=True, env=os.environ | {"RUNSTREAM_TRACKING_URI": server.uri}, stdout=2
    )
    taken = time.perf_counter() - start
    bench.discard(server)
    return Measured(RUNS * POINTS / taken)


def _fill_trackio(file: Path) -> None:
    """Write the rows that Trackio writes, one for each step with its metrics."""
    points = list(rows(POINTS, KEYS))
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, "
            "timestamp TEXT NOT NULL, run_name TEXT NOT NULL, step INTEGER NOT NULL, "
            "metrics TEXT NOT NULL)"
        )
        database.execute("CREATE INDEX idx_metrics_run_step ON metrics(run_id, step)")
        for number in range(RUNS):
            for first in range(0, POINTS, KEYS):
                step = points[first : first + KEYS]
                time_of_step = datetime.fromtimestamp(step[0][2] / 1000, timezone.utc)
                database.execute(
                    "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (
                        f"{number:032x}",
                        time_of_step.isoformat(),
                        f"run {number}",
                        step[0][3],
                        json.dumps({key: value for key, value, *_ in step}),
                    ),
                )


FIGURES = (
    Figure(
        "import.trackio",
        "points/s",
        trackio,
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    ),
)
