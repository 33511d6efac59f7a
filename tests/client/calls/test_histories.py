"""Histories through the client: lists, columns and NumPy arrays."""

from __future__ import annotations

import math
import struct
from contextlib import closing

import numpy as np
import pytest

from runstream import InvalidArgument, Metric, NotFound, TrackingClient
from runstream.entities import MetricColumns
from support.proxy import Proxy
from support.server_process import ServerProcess


def log(client: TrackingClient, key: str, steps: range) -> str:
    run_id = client.create_run().info.run_id
    client.log_batch(run_id, [Metric(key, step / 2, 1, step) for step in steps])
    return run_id


def test_a_range_and_a_thinned_history_come_as_a_list(client: TrackingClient) -> None:
    run_id = log(client, "loss", range(-10, 1000))
    history = client.get_metric_history(run_id, "loss", start_step=-2, end_step=1)
    assert history == [Metric("loss", step / 2, 1, step) for step in range(-2, 2)]
    thin = client.get_metric_history(run_id, "loss", max_points=20)
    assert len(thin) <= 20
    assert (thin[0].step, thin[-1].step) == (-10, 999)
    assert client.get_metric_history(run_id, "none") == []


def test_whole_histories_of_many_runs_come_as_arrays(client: TrackingClient) -> None:
    runs = [log(client, f"m{i}", range(40_000 + i)) for i in range(2)]
    first, second = client.get_metric_columns(iter(runs))
    assert (first.run_id, first.key, second.run_id, second.key) == (runs[0], "m0", runs[1], "m1")
    types = [str(column.dtype) for column in first[2:]]
    assert types == ["float64", "int64", "int64"]
    assert np.array_equal(second.step, np.arange(40_001))
    assert np.array_equal(second.value, np.arange(40_001) / 2)
    (later,) = client.get_metric_columns(runs, ["m1"], start_step=1)
    assert np.array_equal(later.step, np.arange(1, 40_001))
    (only,) = client.get_metric_columns(runs, ["m1"], max_points=100)
    assert (only.run_id, len(only.step)) == (runs[1], len(only.value))
    assert client.get_metric_columns([]) == []
    assert client.get_metric_columns(runs[0], ["none"]) == []


def test_parts_say_which_run_they_are_of(client: TrackingClient) -> None:
    runs = [log(client, "loss", range(3)) for _ in range(2)]
    parts = list(client.read_metric_history(runs[::-1], ["loss"], start_step=1))
    assert [(part.run_id, part.step.tolist()) for part in parts] == [
        (runs[1], [1, 2]),
        (runs[0], [1, 2]),
    ]


def test_mistakes_are_refused(client: TrackingClient) -> None:
    run_id = log(client, "loss", range(3))
    with pytest.raises(InvalidArgument, match="max_points"):
        client.get_metric_history(run_id, "loss", max_points=5)
    with pytest.raises(NotFound):
        client.get_metric_columns([run_id, "0" * 32])


def as_bytes(parts: list[MetricColumns]) -> dict[tuple[str, str], list[tuple[bytes, int, int]]]:
    """Return the points of each metric, their values as bytes because NaN equals nothing."""
    points: dict[tuple[str, str], list[tuple[bytes, int, int]]] = {}
    for part in parts:
        rows = zip(part.value, part.timestamp, part.step, strict=True)
        found = points.setdefault((part.run_id, part.key), [])
        found += [(struct.pack("d", value), time, step) for value, time, step in rows]
    return points


def test_a_read_that_breaks_off_goes_on_where_it_was(server: ServerProcess) -> None:
    """M6: after a restart of the server, and after any number of cuts."""
    with closing(Proxy(server.address)) as proxy, TrackingClient(proxy.uri) as client:
        runs = [client.create_run().info.run_id for _ in range(3)]
        for run_id in runs:
            for key in ("a", "b/é", "c"):
                client.log_batch(run_id, [Metric(key, step / 3, 1, step) for step in range(20_000)])
            # Many points of one step, and NaN, which comes last and equals nothing.
            client.log_batch(run_id, [Metric("step", i / 7, i // 5, 3) for i in range(20_000)])
            client.log_batch(run_id, [Metric("step", math.nan, 4000, 3), Metric("step", 1, 9, 4)])
        wanted = as_bytes(list(client.read_metric_history(runs)))
        assert len(wanted) == 12
        read: list[MetricColumns] = []
        for part in client.read_metric_history(runs):
            read.append(part)
            if len(read) == 4:
                server.kill()
                server.restart()
            proxy.cut()
        assert as_bytes(read) == wanted
        assert list(as_bytes(read)) == list(wanted)
        chosen = runs[::-1], ["step", "b/é"]
        wanted = as_bytes(list(client.read_metric_history(*chosen, 2, 15_000, 18_000)))
        read = []
        for part in client.read_metric_history(*chosen, 2, 15_000, 18_000):
            read.append(part)
            proxy.cut()
        assert as_bytes(read) == wanted
