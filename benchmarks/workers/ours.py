"""Drives a Runstream server through its Python client."""

from __future__ import annotations

import filecmp
import gc
import hashlib
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import runstream
from benchmarks.workers.job import main
from benchmarks.workers.workload import arrays, batches, columns, share_of_a_core
from runstream import Metric, TrackingClient

EPOCHS = 50
SERIES = ("loss", "accuracy", "val_loss", "val_accuracy")


def log_batch(uri: str, points: int, keys: int, size: int) -> float:
    """Log points to one run in batches; return the seconds until all are on disk."""
    with TrackingClient(uri) as client:
        run_id = client.create_run().info.run_id
        entities = [[Metric(*row) for row in batch] for batch in batches(points, keys, size)]
        gc.freeze()  # what the caller holds is no part of the client's work

        def work() -> None:
            for batch in entities:
                client.log_batch(run_id, batch)
            client.flush()

        return _timed(work)


def log_columns(uri: str, runs: int, points: int, keys: int, size: int) -> float:
    """Log points to each of several runs in tables; return the seconds until all are on disk."""
    with TrackingClient(uri) as client:
        tables = list(columns(points, keys, size))
        gc.freeze()

        def work() -> None:
            for _ in range(runs):
                run_id = client.create_run().info.run_id
                for names, key, step, timestamp, value in tables:
                    client.log_columns(run_id, key, value, step, timestamp, keys=names)
                client.flush()

        return _timed(work)


def log_arrays(
    uri: str, points: int, keys: int, size: int, kind: str = "loss", runs: int = 1
) -> float:
    """Log points to each of several runs in tables of NumPy arrays; return the seconds."""
    with TrackingClient(uri) as client:
        tables = list(arrays(points, keys, size, kind))

        def work() -> None:
            for _ in range(runs):
                run_id = client.create_run().info.run_id
                for names, key, step, timestamp, value in tables:
                    client.log_columns(run_id, key, value, step, timestamp, keys=names)
                client.flush()
                client.set_terminated(run_id)

        return _timed(work)


def log_metric(uri: str, points: int) -> float:
    """Log points by a fluent call each; return the seconds from the first to the run's end."""
    runstream.set_tracking_uri(uri)
    runstream.start_run()

    def work() -> None:
        for step in range(points):
            runstream.log_metric("loss", 0.5, step=step)
        runstream.end_run()

    return _timed(work)


def log_metric_calls(uri: str, calls: int) -> dict[str, float]:
    """Time fluent calls one by one while they are uploaded; return microseconds.

    What reading the clock takes is measured in the same process and subtracted.
    """
    runstream.set_tracking_uri(uri)
    clock = time.perf_counter_ns
    with runstream.start_run():
        runstream.log_metric("loss", 0.5, step=0)
        times = [0] * calls
        for step in range(calls):
            start = clock()
            runstream.log_metric("loss", 0.5, step=step)
            times[step] = clock() - start
    empty = [-(clock() - clock()) for _ in range(calls)]
    overhead = statistics.median(empty)
    times.sort()
    percentile = {"median": 0.5, "p99": 0.99, "p99.9": 0.999}
    result = {name: times[int(part * calls)] for name, part in percentile.items()}
    result |= {"longest": times[-1]}
    return {name: (time - overhead) / 1000 for name, time in result.items()} | {
        "clock": overhead / 1000
    }


def keras_history(uri: str, repeats: int) -> list[float]:
    """Log a history of 50 epochs and 4 metrics by a call a point.

    Returns the seconds from `start_run` to the end of the run, for each repeat.
    """
    runstream.set_tracking_uri(uri)
    runstream.set_experiment("keras")

    def work() -> None:
        with runstream.start_run():
            for epoch in range(EPOCHS):
                for name in SERIES:
                    runstream.log_metric(name, 1 / (epoch + 1), step=epoch)

    return [_timed(work) for _ in range(repeats)]


def system_metrics(uri: str, enabled: bool, seconds: float) -> float:
    """Wait in a run with system metrics every second, or without; return the share of a core."""
    runstream.set_tracking_uri(uri)
    runstream.set_system_metrics_sampling_interval(1)
    with runstream.start_run(log_system_metrics=enabled):
        return share_of_a_core(seconds)


def log(uri: str, calls: int) -> list[float]:
    """Log points by a durable unary call each; return the seconds of each call."""
    with TrackingClient(uri) as client:
        run_id = client.create_run().info.run_id
        times = []
        for step in range(calls):
            start = time.perf_counter()
            client.log(run_id, [Metric("loss", 0.5, 1, step)])
            times.append(time.perf_counter() - start)
        return times


def fluent_runs(uri: str, count: int, source: str) -> float:
    """Create, fill and end runs as a program does; return the seconds until all are on disk."""
    os.environ["RUNSTREAM_SOURCE"] = source
    runstream.set_tracking_uri(uri)

    def fill() -> None:
        with runstream.start_run():
            runstream.log_params({f"param_{i}": i for i in range(10)})
            runstream.set_tags({f"tag_{i}": i for i in range(3)})
            runstream.log_metrics({f"metric_{i}": i / 3 for i in range(10)})

    def work() -> None:
        for _ in range(count):
            fill()
        runstream.flush()

    fill()
    return _timed(work)


def runs(uri: str, count: int, queued: bool, threads: int) -> float:
    """Create, fill and end runs; return seconds.

    A run is filled by one durable call, or by calls that queue what its end then waits for.
    """
    with TrackingClient(uri) as client, ThreadPoolExecutor(threads) as pool:
        log = client.log_batch if queued else client.log

        def fill(_: int) -> None:
            run_id = client.create_run().info.run_id
            now = time.time_ns() // 1_000_000
            metrics = [Metric(f"metric_{i}", i / 3, now, 0) for i in range(10)]
            params = {f"param_{i}": str(i) for i in range(10)}
            log(run_id, metrics, params, {f"tag_{i}": str(i) for i in range(3)})
            client.set_terminated(run_id)

        fill(0)
        return _timed(lambda: list(pool.map(fill, range(count))))


def history(uri: str, points: int) -> dict[str, float]:
    """Log one series and read it back in each way there is; return the seconds of each."""
    with TrackingClient(uri) as client:
        run_id = _log_series(client, points)

        def rows() -> int:
            return len(client.get_metric_history(run_id, "metric_0"))

        def parts() -> int:
            return sum(len(p.value) for p in client.read_metric_history(run_id, ["metric_0"]))

        def numpy_arrays() -> int:
            return sum(len(p.value) for p in client.get_metric_columns(run_id, ["metric_0"]))

        ways = {"rows": rows, "columns": parts, "arrays": numpy_arrays}
        return {name: _timed_read(read, points) for name, read in ways.items()}


def buckets(uri: str, points: int, max_points: int) -> list[float]:
    """Log one series and read it thinned; return the seconds of each reading."""
    with TrackingClient(uri) as client:
        run_id = _log_series(client, points)

        def read() -> None:
            (series,) = client.get_metric_columns(run_id, ["metric_0"], max_points=max_points)
            if not max_points / 5 < len(series.value) <= max_points:
                raise RuntimeError(f"{len(series.value)} points came back")

        return [_timed(read) for _ in range(7)]


def _log_series(client: TrackingClient, points: int) -> str:
    """Log one metric to a new run and end it; return the run."""
    run_id = client.create_run().info.run_id
    for names, key, step, timestamp, value in arrays(points, 1, 50_000, "loss"):
        client.log_columns(run_id, key, value, step, timestamp, keys=names)
    client.set_terminated(run_id)
    return run_id


def artifact(uri: str, megabytes: int) -> dict[str, float]:
    """Upload a file, download and copy it; return the seconds of each and the growth of memory."""
    with TrackingClient(uri) as client, TemporaryDirectory() as folder:
        source, copies = Path(folder, "model.bin"), Path(folder, "copies")
        piece = os.urandom(1_000_000)
        with source.open("wb") as file:
            for i in range(megabytes):
                file.write(i.to_bytes(8, "big") + piece[8:])
        run_id = client.create_run().info.run_id
        client.log_text(run_id, "", "empty.txt")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        upload = _timed(lambda: client.log_artifact(run_id, source))
        download = _timed(lambda: client.download_artifacts(run_id, "model.bin", copies))
        copy = _timed(lambda: _copy_hashed(source, Path(folder, "copy.bin")))
        if not filecmp.cmp(source, copies / "model.bin", shallow=False):
            raise RuntimeError("what came back is not what was sent")
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        return {"upload": upload, "download": download, "copy": copy, "memory": more * 1024}


def _copy_hashed(source: Path, target: Path) -> None:
    """Do what each direction must at least, in one plain process: read, hash, write to disk."""
    digest = hashlib.sha256()
    with source.open("rb") as from_file, target.open("wb") as to_file:
        while piece := from_file.read(1024 * 1024):
            digest.update(piece)
            to_file.write(piece)
        to_file.flush()
        os.fsync(to_file.fileno())


def _timed_read(read: Callable[[], int], points: int) -> float:
    def checked() -> None:
        if (found := read()) != points:
            raise RuntimeError(f"{found} points came back of {points}")

    return min(_timed(checked) for _ in range(5))


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    jobs = (
        log_batch,
        log_columns,
        log_arrays,
        log_metric,
        log_metric_calls,
        keras_history,
        system_metrics,
        log,
        fluent_runs,
        runs,
        history,
        buckets,
        artifact,
    )
    main({job.__name__: job for job in jobs})
