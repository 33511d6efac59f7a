"""Importing what other trackers have."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server
from benchmarks.workers import event_files, neptune_export
from benchmarks.workers.workload import rows

RUNS = 20
POINTS = 50_000  # of each run
KEYS = 10


def mlflow(bench: Bench) -> Measured:
    """`import.mlflow`: points/s of `runstream import mlflow` from an SQLite database."""
    peer = bench.new_peer("mlflow")  # which makes the tables
    peer.stop()
    progress(f"filling a database of MLflow with {RUNS * POINTS:,} points")
    database = peer.directory / "runs.db"
    _fill(database)
    server = bench.runstream()
    taken = _run_import(server, "mlflow", database)
    bench.discard(server)
    bench.discard(peer)
    return Measured(RUNS * POINTS / taken)


def tensorboard(bench: Bench) -> Measured:
    """`import.tensorboard`: points/s of `runstream import tensorboard`; TensorBoard reads alone."""
    folder = bench.new_directory("tensorboard")
    progress(f"writing event files with {RUNS * POINTS:,} points")
    event_files.write(folder / "run-0", POINTS, KEYS)
    for number in range(1, RUNS):
        shutil.copytree(folder / "run-0", folder / f"run-{number}")
    server = bench.runstream()
    taken = _run_import(server, "tensorboard", folder)
    bench.discard(server)
    progress("reading the same files by TensorBoard's reader")
    reader = [sys.executable, "-m", "benchmarks.workers.event_files", str(folder)]
    read = subprocess.run(reader, check=True, stdout=subprocess.PIPE, text=True).stdout
    points = RUNS * POINTS
    return Measured(
        points / taken, {"TensorBoard's reader, without a server": points / float(read)}
    )


def wandb(bench: Bench) -> Measured:
    """`import.wandb`: points/s of `runstream import wandb` from a folder that W&B wrote offline."""
    folder = bench.new_directory("wandb")
    runs = RUNS // 2  # which W&B writes in a minute
    progress(f"logging {runs * POINTS:,} points by W&B")
    writer = [sys.executable, "-m", "benchmarks.workers.wandb_runs"]
    subprocess.run(
        [*writer, str(runs), str(POINTS), str(KEYS)],
        check=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd()), "WANDB_SILENT": "true"},
        stdout=2,
    )
    server = bench.runstream()
    taken = _run_import(server, "wandb", folder)
    bench.discard(server)
    return Measured(runs * POINTS / taken)


def neptune(bench: Bench) -> Measured:
    """`import.neptune`: points/s of `runstream import neptune` from Parquet files."""
    folder = bench.new_directory("neptune")
    neptune_export.write(folder, RUNS, POINTS, KEYS)
    server = bench.runstream()
    taken = _run_import(server, "neptune", folder)
    bench.discard(server)
    return Measured(RUNS * POINTS / taken)


def _run_import(server: Server, tracker: str, source: Path) -> float:
    """Return the seconds from the start of the command to its end."""
    command = [sys.executable, "-m", "runstream", "import", tracker, str(source)]
    start = time.perf_counter()
    subprocess.run(
        command, check=True, env=os.environ | {"RUNSTREAM_TRACKING_URI": server.uri}, stdout=2
    )
    return time.perf_counter() - start


def _fill(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        for number in range(RUNS):
            run_id = f"{number:032x}"
            database.execute(
                "INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, "
                "lifecycle_stage, artifact_uri, experiment_id) "
                "VALUES (?, ?, 'LOCAL', 'FINISHED', 1, 2, 'active', ?, 0)",
                (run_id, f"run {number}", f"{file.parent}/artifacts/{run_id}"),
            )
            database.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES (?, ?, ?, ?, ?, 0)",
                (
                    (key, value, timestamp, run_id, step)
                    for key, value, timestamp, step in rows(POINTS, KEYS)
                ),
            )


FIGURES = (
    Figure(
        "import.mlflow",
        "points/s",
        mlflow,
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    ),
    Figure(
        "import.tensorboard",
        "points/s",
        tensorboard,
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    ),
    Figure(
        "import.wandb",
        "points/s",
        wandb,
        # Each value is a text of JSON, twice.
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    ),
    Figure(
        "import.neptune",
        "points/s",
        neptune,
        (Target("300,000 points/s", lambda m: m.ours >= 300_000),),
    ),
)
