"""Runs come in the order that is asked for, numbers before texts and what is missing last."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from runstream.v1.run_pb2 import FINISHED
from runstream.v1.run_service_pb2 import (
    SearchRunsRequest,
    UpdateRunRequest,
)
from runstream_service.engine.sqlite import SqliteEngine
from support.api import Api, expect_refusal
from support.named_runs import NamedRuns
from support.server_process import ServerProcess

NAN, INF = math.nan, math.inf


def test_a_metric_orders_numbers_then_nan_then_runs_without_it(runs: NamedRuns) -> None:
    """S5."""
    for name, metrics in {
        "none1": {},
        "nan1": {"m": NAN},
        "two": {"m": 2.0},
        "inf": {"m": INF},
        "none2": {"other": 1.0},
        "minus": {"m": -INF},
        "nan2": {"m": NAN},
        "one": {"m": 1.0},
    }.items():
        runs.add(name, metrics)
    up = "minus one two inf nan2 nan1 none2 none1"
    down = "inf two one minus nan2 nan1 none2 none1"
    for size in (1, 2, 3, 1000):
        assert runs.search_names("", "metrics.m", max_results=size) == up
        assert runs.search_names("", "metrics.m DESC", max_results=size) == down


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_texts_and_times_order_with_missing_values_last(runs: NamedRuns, size: int) -> None:
    """S5."""
    ids = {
        "a": runs.add("a", params={"p": "x2"}),
        "b": runs.add("b"),
        "c": runs.add("c", params={"p": "x10"}, tags={"t": "x"}),
        "d": runs.add("d", params={"p": "x10"}),
    }
    for name, end_time in {"b": 7, "c": 3}.items():
        request = UpdateRunRequest(run_id=ids[name], status=FINISHED, end_time=end_time)
        runs.api.runs.UpdateRun(request)
    for order, names in {
        "params.p ASC": "d c a b",
        "params.p desc": "a d c b",
        "tags.t": "c d b a",
        "end_time": "c b d a",
        "attributes.end_time DESC": "b c d a",
        "start_time ASC": "a b c d",
        "run_name DESC": "d c b a",
        "status": "c b d a",
    }.items():
        assert runs.search_names("", order, max_results=size) == names, order
    assert runs.search_names("", "params.p", "run_name", max_results=size) == "c d a b"
    assert runs.search_names("run_name != 'd'", "status", "params.p", max_results=size) == "c b a"


NUMBERS = {
    "0.1": 0.1, "1e-3": 1e-3, "1E5": 1e5, "+7": 7, "-0": 0, "007": 7, ".5": 0.5, "5.": 5,
    " 3 ": 3, "4\t\n": 4, "inf": INF, "-Infinity": -INF, "INF": INF, "1e999": INF,
    "9007199254740993": 2**53 + 1, "-9223372036854775808": -(2**63), "1.0E-5": 1e-5,
    "0.30000000000000004": 0.1 + 0.2, "1" * 400: INF, "18446744073709551616": 2.0**64,
}  # fmt: skip
NO_NUMBERS = [
    "", " ", "0x10", "1_000", "1,000", "1e", "e5", ".", "-", "1 2", "10%", "True", "None", "1.2.3",
    "1e5.0", "infinit", "nano", "٣", "½", "1f", "0b1", "--1", "1e+", "1\u00a0", "1" * 5_000 + "x",
]  # fmt: skip


def test_what_reads_as_a_number_is_one(runs: NamedRuns) -> None:
    """S2."""
    for i, value in enumerate([*NUMBERS, *NO_NUMBERS, "nan", "-NaN"]):
        runs.add(str(i), params={"p": value}, tags={"t": value})
    values = list(NUMBERS.values())
    for text, number in NUMBERS.items():
        equal = " ".join(str(i) for i, value in enumerate(values) if value == number)
        less = " ".join(str(i) for i, value in enumerate(values) if value < number)
        literal = str(number)
        assert runs.search_names(f"params.p = {literal}") == equal, text
        assert runs.search_names(f"tags.t < {literal}") == less, text
    assert runs.search_names("params.p < inf OR params.p = inf").split() == [
        str(i) for i in range(len(values))
    ]
    count = len(NUMBERS) + len(NO_NUMBERS)
    assert runs.search_names("params.p = nan") == f"{count} {count + 1}"
    assert len(runs.search_names("params.p != 0.1").split()) == count + 2 - 1
    assert len(runs.search_names("params.p NOT IN (0.1, 7)").split()) == count + 2 - 3
    assert (
        len(runs.search_names("NOT params.p BETWEEN -inf AND inf").split()) == len(NO_NUMBERS) + 2
    )


def test_a_database_of_before_is_searched_by_numbers(tmp_path: Path) -> None:
    """S2, S5."""
    file = tmp_path / "old.db"
    Runner(SqliteDatabase(str(file)), str(SqliteEngine.MIGRATIONS)).up("0009_logged_models")
    with closing(sqlite3.connect(file)) as old, old:
        for i, value in enumerate(("9", "10", "auto", "nan"), 1):
            old.execute(
                "INSERT INTO run (id, uuid, experiment_id, name, user_id, status, start_time, "
                "artifact_uri, deleted, deleted_with_experiment, purging) "
                "VALUES (?, ?, 1, ?, '', 1, ?, '', 0, 0, 0)",
                (i, f"{i:032x}", value, i),
            )
            for table in ("param", "run_tag"):
                old.execute(f"INSERT INTO {table} VALUES (?, 'k', ?)", (i, value))
    server = ServerProcess(file)
    with grpc.insecure_channel(server.address) as channel:
        runs = NamedRuns(Api(channel))
        assert runs.search_names("params.k > 9.5") == "10"
        assert runs.search_names("tags.k <= 10") == "9 10"
        assert runs.search_names("", "tags.k DESC") == "10 9 nan auto"
    assert server.stop() == ""


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("group", ["params", "tags"])
def test_params_and_tags_order_numbers_then_nan_then_texts_then_runs_without_it(
    runs: NamedRuns, group: str, size: int
) -> None:
    """S5."""
    values = {
        "nine": "9",
        "none1": None,
        "auto": "auto",
        "ten": "10",
        "nan": "nan",
        "small": "1e-3",
        "tenth": "0.1",
        "none2": None,
        "Zeta": "Zeta",
        "minus": "-inf",
        "again": "0.1",
    }
    for name, value in values.items():
        texts = {} if value is None else {"k": value}
        runs.add(name, {}, texts if group == "params" else {}, texts if group == "tags" else {})
    up = "minus small again tenth nine ten nan Zeta auto none2 none1"
    down = "ten nine again tenth small minus nan auto Zeta none2 none1"
    assert runs.search_names("", f"{group}.k", max_results=size) == up
    assert runs.search_names("", f"{group}.k DESC", max_results=size) == down


@pytest.mark.parametrize("order", ["metrics.", "loss up", "datasets.name", "nonsense", "x.y", ""])
def test_a_malformed_order_is_refused(filled: NamedRuns, order: str) -> None:
    """S4, S5."""
    api = filled.api
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "ORDER_BY_MALFORMED") as refusal:
        api.runs.SearchRuns(SearchRunsRequest(order_by=["start_time", order]))
    assert refusal.metadata["value"] == order
