"""The table of figures: what is measured, in which unit, and what it must reach."""

from __future__ import annotations

from benchmarks import calls, disk, history, ingest, runs, streams
from benchmarks.figure import Figure, Target

FIGURES = (
    Figure(
        "ingest.batch",
        "points/s",
        ingest.batch,
        (
            Target("65 times MLflow", lambda m: m.ours >= 65 * m.peers["mlflow"]),
            Target("10 times FastTrackML", lambda m: m.ours >= 10 * m.peers["fasttrackml"]),
            Target("0.9 of executemany", lambda m: m.ours >= 0.9 * m.peers["executemany"]),
        ),
    ),
    Figure(
        "ingest.log_metric",
        "points/s",
        ingest.log_metric,
        (Target("400,000 points/s", lambda m: m.ours >= 400_000),),
    ),
    Figure(
        "call.log_metric",
        "µs",
        calls.log_metric,
        (
            Target("median 1 µs", lambda m: m.ours <= 1),
            Target("p99 10 µs", lambda m: m.details["p99"] <= 10),
        ),
    ),
    Figure(
        "example.keras_history",
        "ms",
        calls.keras_history,
        (
            Target(
                "90 times faster than MLflow's 200 calls",
                lambda m: 90 * m.ours <= m.peers["mlflow, 200 calls"],
            ),
            Target(
                "faster than MLflow's one log_batch",
                lambda m: m.ours < m.peers["mlflow, one log_batch"],
            ),
        ),
    ),
    Figure(
        "unary.log",
        "ms",
        calls.unary_log,
        (Target("median under 1.5 ms", lambda m: m.ours < 1.5),),
    ),
    Figure(
        "runs.create",
        "runs/s",
        runs.create,
        (Target("3 times FastTrackML", lambda m: m.ours >= 3 * m.peers["fasttrackml"]),),
    ),
    Figure(
        "history.read",
        "points/s",
        history.read,
        (Target("10 times FastTrackML", lambda m: m.ours >= 10 * m.peers["fasttrackml"]),),
    ),
    Figure(
        "disk.bytes_per_point",
        "bytes",
        disk.bytes_per_point,
        (Target("35 bytes", lambda m: m.ours <= 35),),
    ),
    Figure(
        "streams.1000",
        "ms",
        streams.streams_1000,
        (
            Target("p99 answer under 50 ms", lambda m: m.ours < 50),
            Target("server under 250 MB", lambda m: m.details["megabytes"] < 250),
            Target("no error at 1,000", lambda m: m.details["errors"] == 0),
            Target("no error at 3,000", lambda m: m.details["errors at 3,000"] == 0),
        ),
    ),
    Figure(
        "ingest.at_50M",
        "points/s",
        ingest.at_50m,
        (
            Target(
                "0.7 of the rate into an empty file",
                lambda m: m.ours >= 0.7 * m.peers["empty file"],
            ),
        ),
    ),
)
