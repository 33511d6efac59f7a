"""Params and tags, each a key and a text."""

from __future__ import annotations

from typing import NamedTuple


class Param(NamedTuple):
    """A param of a run."""

    key: str
    value: str


class RunTag(NamedTuple):
    """A tag of a run."""

    key: str
    value: str
