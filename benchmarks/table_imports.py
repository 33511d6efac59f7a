"""Importing tables of CSV and Parquet."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.workers.workload import Row, rows

RUNS = 20
POINTS = 100_000  # of each run
KEYS = 10
COLUMNS = ("run", "metric", "step", "timestamp", "value")


def tables(form: str, bench: Bench) -> Measured:
    """`import.csv`, `import.parquet`: points/s of `runstream import` of one long table."""
    progress(f"filling a table of {form} with {RUNS * POINTS:,} points")
    table = bench.new_directory(form) / f"table.{form}"
    points = list(rows(POINTS, KEYS))
    (_write_csv if form == "csv" else _write_parquet)(table, points)
    server = bench.runstream()
    command = [sys.executable, "-m", "runstream", "import", form, str(table)]
    start = time.perf_counter()
    subprocess.run(
        command, check=True, env=os.environ | {"RUNSTREAM_TRACKING_URI": server.uri}, stdout=2
    )
    taken = time.perf_counter() - start
    bench.discard(server)
    return Measured(RUNS * POINTS / taken)


def _write_csv(table: Path, points: list[Row]) -> None:
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for key, value, timestamp, step in points:
            writer.writerows((f"run {run}", key, step, timestamp, value) for run in range(RUNS))


def _write_parquet(table: Path, points: list[Row]) -> None:
    import pyarrow
    from pyarrow import parquet

    keys, values, timestamps, steps = zip(*points, strict=True)
    columns = ([f"run {run}" for run in range(RUNS)] * POINTS, *(
        [cell for cell in column for _ in range(RUNS)]
        for column in (keys, steps, timestamps, values)
    ))  # fmt: skip
    parquet.write_table(pyarrow.table(dict(zip(COLUMNS, columns, strict=True))), table)


FIGURES = tuple(
    Figure(
        f"import.{form}",
        "points/s",
        partial(tables, form),
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    )
    for form in ("csv", "parquet")
)
