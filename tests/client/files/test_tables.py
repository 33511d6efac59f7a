"""Tables among the artifacts of runs."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import runstream
from runstream import InvalidArgument, NotFound, TrackingClient
from runstream.files.table_serialization import parse_table, serialize_table
from support.server_process import ServerProcess

DOUBLES = [1.23e-12, 0.1 + 0.2, 1 / 3, 1.7976931348623157e308, 5e-324, -0.0, math.inf, -math.inf]


@pytest.fixture
def client(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT_ID", "")
    with TrackingClient(server.uri) as client:
        yield client


def again(data: Any, path: str = "t.json") -> pandas.DataFrame:
    return parse_table(serialize_table(data, path), path)


@pytest.mark.parametrize("path", ["t.json", "t.parquet"])
def test_doubles_come_back_to_the_last_bit(path: str) -> None:
    found = again({"x": DOUBLES}, path)["x"].tolist()
    assert [struct.pack("d", x) for x in found] == [struct.pack("d", x) for x in DOUBLES]


@pytest.mark.parametrize(
    "values",
    [
        [2**60 + 1, -(2**63), 2**63 - 1],
        [2**60 + 1, None],
        [2**64 - 1],
        [2**70],
        [2**60 + 1, 0.5],
        [True, False],
        ["a", None, 'é\n"', "<NA>", "1e999"],
        [[1, 2.5], [], [None]],
        [{"a": [1]}, {}],
    ],
)
def test_a_column_comes_back_as_it_was(values: list[Any]) -> None:
    frame = pandas.DataFrame({"x": pandas.Series(values, dtype=object)})
    column = again(frame)["x"]
    found = [
        None if missing else one
        for one, missing in zip(column.tolist(), column.isna(), strict=True)
    ]
    assert found == values
    assert [one is None or type(one) for one in found] == [
        one is None or type(one) for one in values
    ]


def test_values_that_json_lacks_are_written_as_it_is_documented() -> None:
    frame = pandas.DataFrame(
        {
            "nan": [math.nan, 1.0],
            "stamp": [pandas.Timestamp("2026-01-02T03:04:05.123456789"), pandas.NaT],
            "day": [date(2026, 1, 2), np.datetime64("2026-01-02T03:04:05.123456789")],
            "time": [datetime(2026, 1, 2), pandas.NaT],
            "int": pandas.array([1, None], dtype="Int64"),
            "decimal": [Decimal("0.1"), Decimal("0.12345678901234567890123")],
            "array": [np.array([1, 2]), np.array([[0.5]])],
            "other": [np.int8(3), Path("a/b")],
        }
    )
    rows = json.loads(serialize_table(frame, "t.json"))["data"]
    stamp = "2026-01-02T03:04:05.123456789"
    assert rows == [
        [None, stamp, "2026-01-02", "2026-01-02T00:00:00", 1, 0.1, [1, 2], 3],
        [1.0, None, stamp, None, None, "0.12345678901234567890123", [[0.5]], "a/b"],
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"a": np.array([1, 2]), "b": pandas.Series([3, 4])},
        {"a": (1, 2), "b": range(3, 5)},
        {"a": pandas.Index([1, 2]), "b": [np.int64(3), np.array(4)]},
        pandas.DataFrame({"a": [1, 2], "b": [3, 4]}, index=[7, 8]),
    ],
)
def test_arrays_series_and_the_like_are_columns(data: Any) -> None:
    assert again(data).to_dict("list") == {"a": [1, 2], "b": [3, 4]}


def test_single_values_are_a_row_or_stand_in_every_row() -> None:
    assert again({"a": 1, "b": "x", "c": np.float32(0.5)}).to_dict("list") == {
        "a": [1],
        "b": ["x"],
        "c": [0.5],
    }
    assert again({"a": [1, 2], "b": "x"})["b"].tolist() == ["x", "x"]
    assert again({"v": np.eye(2)})["v"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert again({}).empty
    assert again({"a": []})["a"].tolist() == []
    doubled = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    assert again(doubled).values.tolist() == [[1, 2]]


@pytest.mark.parametrize("data", [[1], "x", None, {"a": [1, 2], "b": [1]}])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(InvalidArgument, match="data frame"):
        serialize_table(data, "t.json")


def test_a_file_that_is_no_table_is_refused() -> None:
    for content in (b"no", b"[1]", b'{"columns": ["a"], "data": [[1, 2]]}'):
        with pytest.raises(InvalidArgument, match="the file is no table"):
            parse_table(content, "t.json")


@pytest.mark.parametrize("path", ["eval.json", "eval.parquet"])
def test_a_table_grows_with_every_call(client: TrackingClient, run_id: str, path: str) -> None:
    client.log_table(run_id, {"q": ["a", "b"], "score": [2**60 + 1, 2]}, path)
    client.log_table(run_id, pandas.DataFrame({"q": ["c"], "score": [3], "more": [0.5]}), path)
    table = client.load_table("0", path, [run_id])
    assert table["q"].tolist() == ["a", "b", "c"]
    assert table["score"].tolist() == [2**60 + 1, 2, 3]
    assert table["more"].tolist()[2] == 0.5
    assert table["more"].isna().tolist() == [True, True, False]


def test_the_tables_of_many_runs_are_loaded_as_one(client: TrackingClient) -> None:
    runstream.set_experiment("evaluations")
    run_ids = []
    for i in range(3):
        with runstream.start_run() as run:
            runstream.log_param("lr", i)
            if i:
                runstream.log_table({"score": [i, 10 * i]}, "eval.json")
                runstream.log_table({"score": [7]}, "other.json")
        run_ids.append(run.info.run_id)
    found = runstream.load_table("eval.json", extra_columns=["run_id", "params.lr"])
    assert sorted(zip(found["run_id"], found["score"], found["params.lr"], strict=True)) == sorted(
        (run_ids[i], score, str(i)) for i in (1, 2) for score in (i, 10 * i)
    )
    assert runstream.load_table("eval.json", [run_ids[2], run_ids[0]])["score"].tolist() == [2, 20]
    assert runstream.load_table("eval.json", run_ids=run_ids[1])["score"].tolist() == [1, 10]
    with pytest.raises(NotFound, match=r"no run has the table none\.json"):
        runstream.load_table("none.json")
    with pytest.raises(InvalidArgument, match=r"has no params\.none"):
        runstream.load_table("eval.json", extra_columns=["params.none"])
    with pytest.raises(NotFound):
        client.load_table("0", "eval.json", ["f" * 32])
