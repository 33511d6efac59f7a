"""Drives an MLflow or FastTrackML server, in the virtual environment of that system.

`log_batch`, `runs` and `history` go either through MLflow's Python client or as plain HTTP
requests of prepared JSON (`via`), because the client's own work is a good part of its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mlflow
import requests  # comes with MLflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from benchmarks.workers.job import main
from benchmarks.workers.workload import Row, batches, share_of_a_core

EPOCHS = 50
SERIES = ("loss", "accuracy", "val_loss", "val_accuracy")


def system_metrics(uri: str, enabled: bool, seconds: float) -> float:
    """Wait in a run with system metrics every second, or without; return the share of a core."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_system_metrics_sampling_interval(1)
    with mlflow.start_run(log_system_metrics=enabled):
        return share_of_a_core(seconds)


class Rest:
    """Plain requests to MLflow's REST API over one connection."""

    def __init__(self, uri: str) -> None:
        self._prefix = f"{uri}/api/2.0/mlflow/"
        self._session = requests.Session()

    def post(self, path: str, **body: Any) -> Any:
        answer = self._session.post(self._prefix + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self._session.get(self._prefix + path, params=parameters)
        answer.raise_for_status()
        return answer.json()

    def create_run(self) -> str:
        run = self.post("runs/create", experiment_id="0", start_time=_now())["run"]
        return str(run["info"]["run_id"])


def log_batch(uri: str, points: int, keys: int, size: int, via: str) -> float:
    """Log points to one run in batches; return seconds."""
    return _log_batch(uri, points, keys, size, via)[1]


def small_batches(uri: str, keys: int, threads: int, seconds: float) -> float:
    """Log a point of each of some metrics by each request, by several threads; return requests/s.

    Each thread has a run and a connection, and sends the next request when the last is answered.
    """
    start = time.perf_counter()

    def work(_: int) -> int:
        rest, count = Rest(uri), 0
        run_id = rest.create_run()
        while time.perf_counter() < start + seconds:
            points = [_point(f"metric_{i}", 1 / (1 + count), _now(), count) for i in range(keys)]
            rest.post("runs/log-batch", run_id=run_id, metrics=points)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(work, range(threads))) / (time.perf_counter() - start)


def log_metric(uri: str, calls: int) -> list[float]:
    """Log points by a call each; return the seconds of each call."""
    client = MlflowClient(uri)
    run_id = client.create_run("0").info.run_id
    times = []
    for step in range(calls):
        start = time.perf_counter()
        client.log_metric(run_id, "loss", 0.5, step=step)
        times.append(time.perf_counter() - start)
    return times


def keras_history(uri: str, repeats: int, batch: bool) -> list[float]:
    """Log a history of 50 epochs and 4 metrics, by a call a point or by one batch.

    Returns the seconds from `start_run` to the end of the run, for each repeat.
    """
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("keras")
    return [_timed(_keras_batch if batch else _keras_calls) for _ in range(repeats)]


def _keras_calls() -> None:
    with mlflow.start_run():
        for epoch in range(EPOCHS):
            for name in SERIES:
                mlflow.log_metric(name, 1 / (epoch + 1), step=epoch)


def _keras_batch() -> None:
    with mlflow.start_run() as run:
        now = _now()
        points = [Metric(s, 1 / (e + 1), now, e) for e in range(EPOCHS) for s in SERIES]
        MlflowClient().log_batch(run.info.run_id, points)


def runs(uri: str, count: int, via: str) -> float:
    """Create, fill and end runs; return seconds."""
    fill = _fill_by_client(uri) if via == "client" else _fill_by_rest(uri)
    return _timed(lambda: [fill() for _ in range(count)])


def _fill_by_client(uri: str) -> Callable[[], None]:
    client = MlflowClient(uri)

    def fill() -> None:
        run_id = client.create_run("0").info.run_id
        metrics = [Metric(f"metric_{i}", i / 3, _now(), 0) for i in range(10)]
        params = [Param(f"param_{i}", str(i)) for i in range(10)]
        tags = [RunTag(f"tag_{i}", str(i)) for i in range(3)]
        client.log_batch(run_id, metrics, params, tags)
        client.set_terminated(run_id)

    return fill


def _fill_by_rest(uri: str) -> Callable[[], None]:
    rest = Rest(uri)

    def fill() -> None:
        run_id = rest.create_run()
        rest.post(
            "runs/log-batch",
            run_id=run_id,
            metrics=[_point(f"metric_{i}", i / 3, _now(), 0) for i in range(10)],
            params=[{"key": f"param_{i}", "value": str(i)} for i in range(10)],
            tags=[{"key": f"tag_{i}", "value": str(i)} for i in range(3)],
        )
        rest.post("runs/update", run_id=run_id, status="FINISHED", end_time=_now())

    return fill


def history(uri: str, points: int) -> dict[str, float]:
    """Log one series and read it back in each way there is; return the seconds of each."""
    run_id = _log_batch(uri, points, 1, 1000, "rest")[0]
    ways: dict[str, Callable[[], int]] = {
        "client": lambda: len(MlflowClient(uri).get_metric_history(run_id, "metric_0")),
        "rest": lambda: _history_by_rest(uri, run_id),
    }
    if arrow := _history_by_arrow(uri, run_id):
        ways["arrow"] = arrow
    return {way: _timed_read(read, points) for way, read in ways.items()}


def _history_by_rest(uri: str, run_id: str) -> int:
    rest, token, read = Rest(uri), "", 0
    while True:
        wanted = {"run_id": run_id, "metric_key": "metric_0", "max_results": 25_000}
        page = rest.get("metrics/get-history", **wanted, **({"page_token": token} if token else {}))
        read += len(page["metrics"])
        token = page.get("next_page_token", "")
        if not token:
            return read


def _history_by_arrow(uri: str, run_id: str) -> Callable[[], int] | None:
    """Return the reader that FastTrackML has beside MLflow's, which gives a data frame."""
    try:
        from fasttrackml import FasttrackmlClient
    except ModuleNotFoundError:
        return None
    client = FasttrackmlClient(uri)
    return lambda: len(client.get_metric_histories(run_ids=[run_id], metric_keys=["metric_0"]))


def _timed_read(read: Callable[[], int], points: int) -> float:
    def checked() -> None:
        if (found := read()) != points:
            raise RuntimeError(f"{found} points came back of {points}")

    return min(_timed(checked) for _ in range(3))


def _log_batch(uri: str, points: int, keys: int, size: int, via: str) -> tuple[str, float]:
    if via == "client":
        client = MlflowClient(uri)
        run_id = client.create_run("0").info.run_id
        entities = [[Metric(*row) for row in batch] for batch in batches(points, keys, size)]
        return run_id, _timed(lambda: [client.log_batch(run_id, batch) for batch in entities])
    rest = Rest(uri)
    run_id = rest.create_run()
    prepared = [_points(batch) for batch in batches(points, keys, size)]
    return run_id, _timed(
        lambda: [rest.post("runs/log-batch", run_id=run_id, metrics=batch) for batch in prepared]
    )


def _points(batch: list[Row]) -> list[dict[str, Any]]:
    return [_point(*row) for row in batch]


def _point(key: str, value: float, timestamp: int, step: int) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": timestamp, "step": step}


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    jobs = (log_batch, small_batches, log_metric, keras_history, system_metrics, runs, history)
    main({job.__name__: job for job in jobs})
