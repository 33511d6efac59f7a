"""Configurations of every library become the same plain values, and params with dots."""

from __future__ import annotations

import argparse
import enum
import os
from collections import namedtuple
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pydantic
import pytest
from omegaconf import OmegaConf

from runstream.contract.configs import MAX_DEPTH, flatten_config, plain_config
from runstream.errors import InvalidArgument


class Device(enum.Enum):
    CPU = 1
    CUDA = "cuda:0"


class Bits(enum.IntEnum):
    HALF = 16


@dataclass
class Dataclass:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    inner: dict[str, Any] = field(default_factory=lambda: {"warm": True})


@attrs.define
class Attrs:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    inner: Any = attrs.Factory(lambda: argparse.Namespace(warm=True))


class Pydantic(pydantic.BaseModel):
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    inner: dict[str, bool] = {"warm": True}


Named = namedtuple("Named", ["lr", "betas", "inner"])


@pytest.mark.parametrize(
    "config",
    [
        {"lr": 0.1, "betas": [0.9, 0.99], "inner": {"warm": True}},
        argparse.Namespace(lr=0.1, betas=(0.9, 0.99), inner=argparse.Namespace(warm=True)),
        Dataclass(),
        Attrs(),
        Pydantic(),
        Named(0.1, (0.9, 0.99), {"warm": True}),
        OmegaConf.create({"lr": 0.1, "betas": [0.9, 0.99], "inner": {"warm": True}}),
        OmegaConf.structured(Dataclass),
    ],
)
def test_a_config_of_any_kind_is_the_same_params(config: object) -> None:
    """P6."""
    plain = plain_config(config)
    assert plain == {"lr": 0.1, "betas": [0.9, 0.99], "inner": {"warm": True}}
    assert list(flatten_config(plain, "model")) == [
        ("model.lr", 0.1),
        ("model.betas", [0.9, 0.99]),
        ("model.inner.warm", True),
    ]


def test_kinds_may_be_in_each_other() -> None:
    config = {"a": Dataclass(inner={"b": [Attrs(), OmegaConf.create({"c": 1})]})}
    assert dict(flatten_config(plain_config(config))) == {
        "a.lr": 0.1,
        "a.betas": [0.9, 0.99],
        "a.inner.b.0.lr": 0.1,
        "a.inner.b.0.betas": [0.9, 0.99],
        "a.inner.b.0.inner.warm": True,
        "a.inner.b.1.c": 1,
    }


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (Path("data") / "train.csv", os.path.join("data", "train.csv")),
        (Device.CPU, "CPU"),
        (Device.CUDA, "cuda:0"),
        (Bits.HALF, 16),
        (np.float32(0.1), 0.1),
        (np.array(2, np.int8), 2),
        (np.bool_(True), True),
        (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
        ({"b", "a"}, ["a", "b"]),
        (Dataclass, f"{__name__}.Dataclass"),
        (plain_config, "runstream.contract.configs.plain_config"),
        (
            partial(max, 1, key=len),
            {"func": str(max), "args": [1], "keywords": {"key": str(len)}},
        ),
        ({}, {}),
        ([], []),
        (b"ab", "b'ab'"),
    ],
)
def test_what_a_config_may_hold_is_plain(value: object, plain: object) -> None:
    """P6."""
    assert plain_config({"x": value}) == {"x": plain}


def test_a_config_of_omegaconf_is_resolved_and_shows_what_is_missing() -> None:
    config = OmegaConf.create({"lr": 0.1, "twice": "${lr}", "path": "???"})
    assert plain_config(config) == {"lr": 0.1, "twice": 0.1, "path": "???"}
    with pytest.raises(InvalidArgument, match=r"config\.sub cannot be resolved: .*lrr"):
        plain_config({"sub": OmegaConf.create({"lr": "${lrr}"})})


def test_a_secret_of_pydantic_stays_one() -> None:
    class Login(pydantic.BaseModel):
        token: pydantic.SecretStr

    assert "hf_1" not in str(plain_config(Login(token=pydantic.SecretStr("hf_1"))))


def test_nothing_empty_is_missing_among_the_params() -> None:
    plain = plain_config({"a": {}, "b": {"c": []}})
    assert list(flatten_config(plain)) == [("a", {}), ("b.c", [])]


def test_what_is_no_config_is_refused() -> None:
    bad: list[Any] = [7, "lr=0.1", [1, 2], None, Dataclass, np.zeros(2)]
    for config in bad:
        with pytest.raises(InvalidArgument) as error:
            plain_config(config)
        assert error.value.reason == "CONFIG_UNKNOWN"


def test_a_config_in_itself_or_too_deep_is_refused_naming_where() -> None:
    circle: dict[str, Any] = {"a": {}}
    circle["a"]["b"] = circle["a"]["c"] = circle
    with pytest.raises(InvalidArgument, match=r"the config is in itself at config\.a\.b"):
        plain_config(circle)
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH - 1):
        deep = {"d": deep}
    assert plain_config(deep) == deep
    with pytest.raises(InvalidArgument, match="nested more than 50 deep"):
        plain_config({"d": deep})


def test_a_config_whose_parts_are_in_many_places_is_refused_before_it_fills_the_memory() -> None:
    shared: dict[str, Any] = {"v": 1}
    for _ in range(40):
        shared = {"left": shared, "right": shared}
    with pytest.raises(InvalidArgument, match="more than 100000 values"):
        plain_config(shared)
    assert plain_config({"a": [1] * 50_000})["a"][-1] == 1


def test_an_array_that_is_no_setting_is_refused_with_what_to_use() -> None:
    with pytest.raises(InvalidArgument, match=r"config\.weights .*log_table") as error:
        plain_config({"weights": np.zeros((300, 300))})
    assert error.value.reason == "VALUE_TOO_LONG"


def test_two_names_with_the_same_text_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"config\.a has two names with the same text"):
        plain_config({"a": {1: "x", "1": "y"}})
    assert plain_config({"a": {1: "x", "2": "y"}}) == {"a": {"1": "x", "2": "y"}}
