"""Histories as a file of CSV."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
import requests

from runstream import TrackingClient
from support.damage import damage_chunk
from support.rest import Rest
from support.server_process import ServerProcess

CSV = "/api/1.0/runstream/metrics/history/csv"


def test_a_history_is_a_file_of_csv_with_every_digit(server: ServerProcess, rest: Rest) -> None:
    values = [0.1, 1e-300, math.nan, math.inf, -math.inf, -0.0]
    steps = [-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1]
    name, key = '=1+1, "two"', "a, b/é"
    with TrackingClient(server.uri) as client:
        first = client.create_run("0", run_name=name).info.run_id
        second = client.create_run("0").info.run_id
        for step, value in zip(steps, values, strict=True):
            client.log_metric(first, key, value, timestamp=5, step=step)
        client.log_metric(first, "other", 1.0)
        client.log_columns(second, key, [0.5] * 70_000, range(70_000), range(70_000))
    answer = rest.session.get(
        rest.uri + CSV, params={"run_ids": [first, second], "metric_keys": key}
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''a%2C%20b_%C3%A9.csv"
    )
    head, *rows = csv.reader(io.StringIO(answer.content.decode(), newline=""))
    assert head == ["run_id", "run_name", "metric", "step", "timestamp", "value"]
    assert [row[:3] for row in rows[:6]] == [[first, f"'{name}", key]] * 6
    assert [(int(row[3]), int(row[4])) for row in rows[:6]] == [(step, 5) for step in steps]
    np.testing.assert_array_equal([float(row[5]) for row in rows[:6]], values)
    assert rows[5][5] == "-0.0"
    assert [row[0] for row in rows[6:]] == [second] * 70_000
    assert [(row[3], row[4], row[5]) for row in rows[6:]] == [
        (str(step), str(step), "0.5") for step in range(70_000)
    ]


def test_a_file_has_the_steps_that_are_asked_for(rest: Rest) -> None:
    run_id = rest.create_run()
    for step in range(5):
        rest.post("runs/log-metric", run_id=run_id, key="m", value=1, timestamp=1, step=step)
    query = {"run_ids": run_id, "metric_keys": "m", "start_step": "1", "end_step": "3"}
    lines = rest.session.get(rest.uri + CSV, params=query).text.splitlines()
    assert [line.split(",")[3] for line in lines[1:]] == ["1", "2", "3"]
    empty = rest.session.get(rest.uri + CSV, params={"run_ids": run_id, "metric_keys": "none"})
    assert empty.text == "run_id,run_name,metric,step,timestamp,value\r\n"
    refused = rest.session.get(rest.uri + CSV, params={"run_ids": "f" * 32})
    assert (refused.status_code, refused.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_file_that_meets_damage_does_not_end_as_if_it_were_whole(
    server: ServerProcess, rest: Rest
) -> None:  # X9
    with TrackingClient(server.uri) as client:
        run_id = client.create_run("0").info.run_id
        size = 150_000
        client.log_columns(run_id, "m", range(size), range(size), range(size))
    damage_chunk(server, "m", 30)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        rest.session.get(rest.uri + CSV, params={"run_ids": run_id, "metric_keys": "m"})
