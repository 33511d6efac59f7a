"""Points, params and tags that must travel between all clients to the last bit.

They are in `vectors.json`, which the suites of the JVM read too. Those run this file as a
program, `vectors.py log URI` and `vectors.py check URI RUN_ID`, to meet the Python client.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

from runstream import TrackingClient
from runstream.entities import Metric

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
#: Keys of metrics, params and tags that are allowed, and that are refused (M1).
KEYS: dict[str, list[str]] = VECTORS["keys"]


def load_points() -> list[Metric]:
    """Return the points, in the order of the file."""
    return [
        Metric(
            point["key"],
            struct.unpack(">d", bytes.fromhex(point["bits"]))[0],
            int(point["timestamp"]),
            int(point["step"]),
        )
        for point in VECTORS["points"]
    ]


def log_vectors(client: TrackingClient) -> str:
    """Log all of it to a new run; return its id."""
    run_id = client.create_run().info.run_id
    for key, value, timestamp, step in load_points():
        client.log_metric(run_id, key, value, step=step, timestamp=timestamp)
    for key, value in VECTORS["params"].items():
        client.log_param(run_id, key, value)
    for key, value in VECTORS["tags"].items():
        client.set_tag(run_id, key, value)
    client.flush()
    return run_id


def check_vectors(client: TrackingClient, run_id: str) -> None:
    """Raise AssertionError unless a run has exactly what `log` logs."""
    data = client.get_run(run_id).data
    assert data.params == VECTORS["params"]
    assert {key: data.tags[key] for key in VECTORS["tags"]} == VECTORS["tags"]
    expected = load_points()
    assert set(data.metrics) == {point.key for point in expected}
    for key in data.metrics:
        history = client.get_metric_history(run_id, key)
        assert [to_bits(point) for point in history] == [
            to_bits(p) for p in expected if p.key == key
        ]


def to_bits(point: Metric) -> tuple[str, str, int, int]:
    """Return a point in a form in which NaN equals itself and 0 differs from -0."""
    return point.key, struct.pack(">d", point.value).hex(), point.timestamp, point.step


if __name__ == "__main__":
    with TrackingClient(sys.argv[2]) as client:
        if sys.argv[1] == "log":
            print(log_vectors(client))  # noqa: T201 - the answer to the other suite
        else:
            check_vectors(client, sys.argv[3])
