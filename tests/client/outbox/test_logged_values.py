"""What may be logged is logged, in whichever type; what may not is refused at once."""

from __future__ import annotations

import enum
import math
import os
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pandas
import pytest
from omegaconf import OmegaConf

from runstream.entities import Metric, Param
from runstream.errors import InvalidArgument
from support.outboxes import RUN, batch_points, metric_points, new_outbox, send_all


@pytest.mark.parametrize(
    ("value", "double"),
    [
        (3, 3.0),
        (True, 1.0),
        (np.float32(0.1), 0.10000000149011612),
        (np.int64(3), 3.0),
        (np.float64(math.nan), math.nan),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[2]]), 2.0),
        (pandas.Series([2.5], index=["a"]), 2.5),
        (ml_dtypes.bfloat16(0.1), 0.10009765625),
        (np.array([0.1], ml_dtypes.bfloat16), 0.10009765625),
        (Decimal("0.1"), 0.1),
        (Fraction(1, 3), 1 / 3),
        ("0.25", 0.25),
        ("-1e-3", -0.001),
        ("inf", math.inf),
        (np.str_("2"), 2.0),
    ],
)
def test_whatever_is_one_number_is_a_value(value: Any, double: float) -> None:
    """M3."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.log_metric("loss", value, np.int32(3), np.int64(5))
    buffer.log_metrics({"loss": value}, 4, 5)
    buffer.log_batch([("loss", value, 5, 5)])
    buffer.log_columns("loss", [value], [6], [5])
    assert batch_points(send_all(outbox)) == metric_points(
        [Metric("loss", double, 5, i) for i in range(3, 7)]
    )


@pytest.mark.parametrize(
    "step", [50, 50.0, np.int64(50), np.float32(50), np.array([50]), Decimal(50), Fraction(50)]
)
def test_a_step_or_a_time_that_is_an_integer_may_be_of_any_type(step: Any) -> None:
    """M2."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, step, step)
    outbox.buffer(RUN).log_batch([("loss", 2.0, step, step)])
    wanted = [Metric("loss", value, 50, 50) for value in (1.0, 2.0)]
    assert batch_points(send_all(outbox)) == metric_points(wanted)


def test_a_step_of_none_is_zero() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, None, 1)
    outbox.buffer(RUN).log_metrics({"loss": 2.0}, None, 1)
    assert [step for _, _, _, step in batch_points(send_all(outbox))] == [0, 0]


BAD = [
    ("", 1.0, 0, None, "KEY_EMPTY"),
    ("/loss", 1.0, 0, None, "KEY_MALFORMED"),
    ("a" * 251, 1.0, 0, None, "KEY_TOO_LONG"),
    (7, 1.0, 0, None, "KEY_NOT_TEXT"),
    ("loss", "one", 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", np.zeros(2), 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", 1j, 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", None, 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", [1.0], 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", 10**400, 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", 1.0, 1.5, None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, "1", None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, 2**63, None, "STEP_OUT_OF_RANGE"),
    ("loss", 1.0, 0, -1, "TIMESTAMP_OUT_OF_RANGE"),
    ("loss", 1.0, 0, 2**63, "TIMESTAMP_OUT_OF_RANGE"),
    ("loss", 1.0, np.float32(50.5), None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, math.nan, None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, 0, 1.5, "TIMESTAMP_NOT_AN_INTEGER"),
]


@pytest.mark.parametrize(("key", "value", "step", "timestamp", "reason"), BAD)
def test_bad_input_is_refused_at_once_and_nothing_is_queued(
    key: Any, value: Any, step: Any, timestamp: Any, reason: str
) -> None:
    """M1, M2."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    with pytest.raises(InvalidArgument) as one:
        buffer.log_metric(key, value, step, timestamp)
    with pytest.raises(InvalidArgument) as several:
        buffer.log_metrics({"fine": 1.0, key: value}, step, timestamp)
    assert one.value.reason == several.value.reason == reason
    if timestamp is not None or reason.startswith(("KEY", "VALUE")):
        row = (key, value, 1 if timestamp is None else timestamp, step)
        with pytest.raises(InvalidArgument) as batch:
            buffer.log_batch([Metric("fine", 1.0, 1, 0), row])
        assert batch.value.reason == reason
    assert send_all(outbox) == []


def test_a_key_that_is_no_text_is_refused_even_if_it_has_no_hash() -> None:
    """M1."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    key: Any = ["loss"]
    calls: list[Callable[[], None]] = [
        lambda: buffer.log_metric(key, 1.0, 0, None),
        lambda: buffer.log_metrics([(key, 1.0)], 0, None),  # type: ignore[arg-type]
        lambda: buffer.log_batch([(key, 1.0, 1, 0)]),
        lambda: buffer.log_columns([0], [1.0], [0], [1], [key]),
        lambda: buffer.log_columns([key], [1.0], [0]),
        lambda: buffer.log_params([(key, 1)]),
        lambda: buffer.set_tags([(key, 1)]),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument) as error:
            call()
        assert error.value.reason == "KEY_NOT_TEXT"
    assert send_all(outbox) == []


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"step": [1, 2]}, "metrics"),
        ({"timestamp": [1, 2]}, "metrics"),
        ({"key": [1], "keys": ["loss"]}, "key"),
        ({"key": [-1], "keys": ["loss"]}, "key"),
        ({"key": [0.0], "keys": ["loss"]}, "key"),
        ({"key": ["loss"], "keys": ["loss"]}, "key"),
        ({"key": "loss", "keys": ["loss"]}, "key"),
        ({"key": np.array([0.0]), "keys": ["loss"]}, "key"),
        ({"key": np.array([[0]]), "keys": ["loss"]}, "key"),
        ({"key": None}, "key"),
        ({"key": np.array(0), "keys": ["loss"]}, "key"),
        ({"value": None}, "value"),
        ({"value": 1.0}, "value"),
        ({"value": np.float64(1.0)}, "value"),
        ({"value": np.array(1.0)}, "value"),
        ({"value": np.array([[1.0]])}, "value"),
        ({"value": (value for value in [1.0])}, "value"),
        ({"value": {1.0}}, "value"),
        ({"value": "1"}, "value"),
        ({"value": np.ma.masked_invalid([math.nan])}, "value"),
        ({"step": np.ma.masked_equal([1], 1)}, "step"),
        ({"timestamp": np.ma.masked_equal([1], 1)}, "timestamp"),
        ({"timestamp": np.array(["2026-01-05"], "M8[ns]")}, "timestamp"),
        ({"timestamp": pandas.Series(pandas.to_datetime(["2026-01-05"]))}, "timestamp"),
    ],
)
def test_what_is_no_column_is_refused_by_its_name(columns: dict[str, Any], field: str) -> None:
    outbox = new_outbox()
    with pytest.raises(InvalidArgument, match=field if field != "metrics" else "lengths") as error:
        outbox.buffer(RUN).log_columns(
            **{"key": "loss", "value": [1.0], "step": [1], "timestamp": [1]} | columns
        )
    assert (error.value.reason, error.value.metadata["field"]) == ("METRIC_TABLE_MALFORMED", field)
    assert send_all(outbox) == []


def test_a_bad_key_of_columns_is_refused_also_if_no_point_has_it() -> None:
    """M1."""
    outbox = new_outbox()
    with pytest.raises(InvalidArgument) as error:
        outbox.buffer(RUN).log_columns([0], [1.0], [1], [1], ["loss", "/bad"])
    assert error.value.reason == "KEY_MALFORMED"
    assert send_all(outbox) == []


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        (["loss", "acc", "loss"], None),
        (np.array(["loss", "acc", "loss"]), None),
        (pandas.Series(["loss", "acc", "loss"], dtype="category"), None),
        ([0, 1, 0], ["loss", "acc"]),
        (np.array([0, 1, 0], np.uint8), np.array(["loss", "acc"])),
    ],
)
def test_the_keys_of_columns_are_names_or_indices(key: Any, keys: Any) -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_columns(key, [1.0, 2.0, 3.0], range(3), [5, 5, 5], keys)
    points = [("loss", 1.0, 5, 0), ("loss", 3.0, 5, 2), ("acc", 2.0, 5, 1)]
    assert batch_points(send_all(outbox)) == metric_points([Metric(*point) for point in points])


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], np.array([1.0, 2.0, 3.0]), ["1", "2", "3"]])
def test_columns_without_timestamps_get_the_time_of_the_call(values: Any) -> None:
    """M5: of two points of one step the later one has the later time."""
    outbox = new_outbox()
    before = time.time_ns() // 1_000_000
    outbox.buffer(RUN).log_columns("loss", values, [7, 7, 8])
    first, second, other = batch_points(send_all(outbox))
    assert before <= first[2] < second[2] <= time.time_ns() // 1_000_000 + 1
    assert before <= other[2] <= second[2]


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (lambda b: b.log_params({"lr": "x" * 65_537}), "VALUE_TOO_LONG"),
        (lambda b: b.set_tags({"note": "x" * 65_537}), "VALUE_TOO_LONG"),
        (lambda b: b.set_tags({"note": "\udc80"}), "VALUE_NOT_UNICODE"),
        (lambda b: b.log_params({"a//b": 1}), "KEY_MALFORMED"),
        (lambda b: b.log_params([("lr", 1), ("lr", 2)]), "PARAM_REPEATED"),
        (lambda b: b.log_params({0: 1}), "KEY_NOT_TEXT"),
        (lambda b: b.log_params("lr"), "PAIRS_MALFORMED"),
        (lambda b: b.log_params(["lr", 1]), "PAIRS_MALFORMED"),
        (lambda b: b.log_params(None), "PAIRS_MALFORMED"),
        (lambda b: b.log_params(Namespace), "PAIRS_MALFORMED"),
        (lambda b: b.log_params({"lr": 1}, "ignore"), "ON_ERROR_UNKNOWN"),
    ],
)
def test_bad_params_and_tags_are_refused_at_once(log: Callable[..., None], reason: str) -> None:
    """M1, P2, P5."""
    outbox = new_outbox()
    with pytest.raises(InvalidArgument) as error:
        log(outbox.buffer(RUN))
    assert error.value.reason == reason
    assert send_all(outbox) == []


@dataclass
class Options:
    lr: float = 0.1
    layers: tuple[int, ...] = (3, 4)


@pytest.mark.parametrize(
    "params",
    [
        {"lr": 0.1, "layers": (3, 4)},
        [("lr", 0.1), ("layers", (3, 4))],
        [Param("lr", "0.1"), Param("layers", "(3, 4)")],
        Namespace(lr=0.1, layers=(3, 4)),
        SimpleNamespace(lr=0.1, layers=(3, 4)),
        Options(),
        OmegaConf.create({"lr": 0.1, "a": 3, "layers": "(${a}, 4)"}),
    ],
)
def test_params_come_in_the_forms_that_people_have_them(params: Any) -> None:
    """P1."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_params(params)
    outbox.buffer(RUN).set_tags(params)
    wanted = {"lr": "0.1", "layers": "(3, 4)"}
    logged_params, logged_tags = send_all(outbox)
    assert {one.key: one.value for one in logged_params.params}.items() >= wanted.items()
    assert {one.key: one.value for one in logged_tags.tags}.items() >= wanted.items()


class Mode(enum.Enum):
    FAST = 1
    SLOW = "slow"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (0.1, "0.1"),
        (Path("a/b"), os.path.join("a", "b")),
        (np.float32(0.1), "0.1"),
        (np.array(0.1, np.float16), "0.1"),
        (ml_dtypes.bfloat16(0.5), "0.5"),
        (np.arange(2000), str(list(range(2000)))),
        (np.array([0.123456789012]), "[0.123456789012]"),
        (pandas.Series([1.5, 2.5]), "[1.5, 2.5]"),
        ([1, "a"], "[1, 'a']"),
        (Mode.FAST, "FAST"),
        (Mode.SLOW, "slow"),
        (Level.HIGH, "3"),
    ],
)
def test_a_param_or_tag_is_whole_whatever_its_type(value: object, text: str) -> None:
    """P2."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_params({"p": value})
    outbox.buffer(RUN).set_tags({"t": value})
    params, tags = send_all(outbox)
    assert [param.value for param in params.params] == [tag.value for tag in tags.tags] == [text]


def test_an_array_that_is_no_param_is_refused_with_what_to_use() -> None:
    """P2."""
    outbox = new_outbox()
    for value in (np.zeros(10**6), list(range(20_000)), "a" * 65_537):
        with pytest.raises(InvalidArgument, match="log_table") as error:
            outbox.buffer(RUN).log_params({"weights": value})
        assert error.value.reason == "VALUE_TOO_LONG"
        assert len(str(error.value)) < 300
    assert send_all(outbox) == []


@pytest.mark.parametrize(
    "value", [[0.1, 0.2], (), {"a": 1}, np.zeros((2, 3)), pandas.Series([1, 2])]
)
def test_several_numbers_are_no_metric_and_the_error_says_what_to_use(value: Any) -> None:
    """M3."""
    wanted = r"(?s)which is not a number but a \w+ of \d: .*log_metrics.*log_table"
    with pytest.raises(InvalidArgument, match=wanted):
        new_outbox().buffer(RUN).log_metric("loss", value, 0, None)
