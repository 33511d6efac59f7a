"""Importing the local stores of other trackers."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import struct
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.workers.workload import rows
from runstream.importing.aim.encoding import encode_path

RUNS = 20
POINTS = 50_000  # of each run
KEYS = 10


def trackio(bench: Bench) -> Measured:
    """`import.trackio`: points/s of `runstream import trackio` of a project."""
    progress(f"filling a database of Trackio with {RUNS * POINTS:,} points")
    folder = bench.new_directory("trackio")
    _fill_trackio(folder / "project.db")
    return _measure(bench, "trackio", folder)


def aim(bench: Bench) -> Measured:
    """`import.aim`: points/s of `runstream import aim` of a repository."""
    progress(f"filling a repository of Aim with {RUNS * POINTS:,} points")
    folder = bench.new_directory("aim")
    _fill_aim(folder)
    return _measure(bench, "aim", folder)


def _measure(bench: Bench, tracker: str, folder: Path) -> Measured:
    server = bench.runstream()
    command = [sys.executable, "-m", "runstream", "import", tracker, str(folder)]
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


def _fill_aim(folder: Path) -> None:
    """Write what Aim writes of metrics, whose points are in the order of a hash of their steps."""
    points = list(rows(POINTS, KEYS))
    hashes = list(range(POINTS // KEYS))
    random.Random(1).shuffle(hashes)
    folder = folder / ".aim"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "run_metadata.sqlite")) as database, database:
        database.executescript(
            "CREATE TABLE experiment (id INTEGER PRIMARY KEY, name TEXT);"
            "INSERT INTO experiment VALUES (1, 'default');"
            "CREATE TABLE run (id INTEGER PRIMARY KEY, hash TEXT, name TEXT, description TEXT, "
            "is_archived INTEGER, created_at TEXT, experiment_id INTEGER);"
        )
        for number in range(RUNS):
            run = f"{number:024x}"
            database.execute(
                "INSERT INTO run VALUES (?, ?, ?, '', 0, '2023-11-14 22:13:20.0', 1)",
                (number, run, f"run {number}"),
            )
            meta, seqs = (_open_chunk(folder, kind, run) for kind in ("meta", "seqs"))
            meta.put(encode_path("meta", "chunks", run, "end_time"), _double(1.8e9))
            for metric in range(KEYS):
                trace = ("meta", "chunks", run, "traces", 1, points[metric][0])
                meta.put(encode_path(*trace, "dtype"), b"\x04float")
                meta.put(encode_path(*trace, "version"), _integer(2))
            for place, (key, value, timestamp, step) in enumerate(points):
                sequence = ("seqs", "v2", "chunks", run, 1, key)
                row = {
                    "epoch": b"\x00",
                    "step": _integer(step),
                    "time": _double(timestamp / 1000),
                    "val": _double(value),
                }
                for column, content in row.items():
                    seqs.put(encode_path(*sequence, column, hashes[place // KEYS]), content)
            for chunk in (meta, seqs):
                chunk.flush()


def _open_chunk(folder: Path, kind: str, run: str) -> Any:
    import aimrocks

    chunk = folder / kind / "chunks" / run
    chunk.parent.mkdir(parents=True, exist_ok=True)
    return aimrocks.DB(str(chunk), aimrocks.Options(create_if_missing=True))


def _integer(number: int) -> bytes:
    return struct.pack("<Bq", 2, number)


def _double(number: float) -> bytes:
    return struct.pack("<Bd", 3, number)


FIGURES = tuple(
    Figure(
        f"import.{measure.__name__}",
        "points/s",
        measure,
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    )
    for measure in (trackio, aim)
)
