"""Drives the REST API of any of the servers by plain requests over one connection.

Bodies are prepared before the clock starts, and answers are read as bytes: what is timed is the
server. A job returns the seconds of each of its repeats.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.workers.job import main
from benchmarks.workers.workload import batches

_PREFIX = "/api/2.0/mlflow/"
_HEADERS = {"Content-Type": "application/json"}
REPEATS = 5


class Api:
    """One connection to a server."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port)

    def send(self, verb: str, path: str, body: bytes | None = None) -> bytes:
        """Return what a request answers."""
        self._connection.request(verb, _PREFIX + path, body, _HEADERS)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content[:500]!r}")
        return content

    def post(self, path: str, **fields: Any) -> Any:
        """Return what a POST answers."""
        return json.loads(self.send("POST", path, json.dumps(fields).encode()))

    def create_run(self, experiment_id: str = "0") -> str:
        """Create a run and return its id."""
        now = int(time.time() * 1000)
        run = self.post("runs/create", experiment_id=experiment_id, start_time=now)["run"]
        return str(run["info"]["run_id"])


def log_metric(uri: str, calls: int) -> list[float]:
    """Log points by a call each."""
    api = Api(uri)
    run_id = api.create_run()
    bodies = [
        json.dumps(
            {"run_id": run_id, "key": "loss", "value": 0.5, "timestamp": 1 + i, "step": i}
        ).encode()
        for i in range(calls)
    ]
    return [_timed(api, "POST", "runs/log-metric", body) for body in bodies]


def log_batch(uri: str, batches: int, size: int) -> list[float]:
    """Log points in batches, all of them in a repeat."""
    api = Api(uri)
    return [_log_batches(api, batches, size) for _ in range(REPEATS)]


def search(uri: str, runs: int) -> list[float]:
    """Search runs of 10 metrics, 10 params and 3 tags, which are made first."""
    api = Api(uri)
    name = f"searched {time.time_ns()}"
    experiment_id = str(api.post("experiments/create", name=name)["experiment_id"])
    for number in range(runs):
        api.post(
            "runs/log-batch",
            run_id=api.create_run(experiment_id),
            metrics=[
                {"key": f"metric_{i}", "value": number / (i + 1), "timestamp": 1, "step": 1}
                for i in range(10)
            ],
            params=[{"key": f"param_{i}", "value": str(number + i)} for i in range(10)],
            tags=[{"key": f"tag_{i}", "value": str(number % 10)} for i in range(3)],
        )
    body = json.dumps({"experiment_ids": [experiment_id], "max_results": runs}).encode()
    return [_timed(api, "POST", "runs/search", body) for _ in range(REPEATS)]


def history(uri: str, points: int) -> list[float]:
    """Read the history of one metric, which is made first."""
    api = Api(uri)
    run_id = api.create_run()
    for batch in _bodies(run_id, points // 1000, 1000, keys=1):
        api.send("POST", "runs/log-batch", batch)
    query = urlencode({"run_id": run_id, "metric_key": "metric_0", "max_results": points})
    return [_timed(api, "GET", f"metrics/get-history?{query}") for _ in range(REPEATS)]


def _log_batches(api: Api, count: int, size: int) -> float:
    bodies = _bodies(api.create_run(), count, size, keys=10)
    start = time.perf_counter()
    for body in bodies:
        api.send("POST", "runs/log-batch", body)
    return time.perf_counter() - start


def _bodies(run_id: str, count: int, size: int, keys: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "run_id": run_id,
                "metrics": [
                    {"key": key, "value": value, "timestamp": timestamp, "step": step}
                    for key, value, timestamp, step in batch
                ],
            }
        ).encode()
        for batch in batches(count * size, keys, size)
    ]


def _timed(api: Api, verb: str, path: str, body: bytes | None = None) -> float:
    start = time.perf_counter()
    api.send(verb, path, body)
    return time.perf_counter() - start


if __name__ == "__main__":
    jobs = (log_metric, log_batch, search, history)
    main({job.__name__: job for job in jobs})
