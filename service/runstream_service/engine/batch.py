"""A batch: what one request logs to one run, in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstream.errors import InvalidArgument, shorten
from runstream.rules import check_key, check_text, check_timestamp
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.catalog_writes import CatalogWrites

#: Bytes of the text of a line of the console.
LINE_BYTES = 16_384

#: Streams of a program, by their numbers in the contract.
STREAMS = (1, 2)

# Points from which on NumPy is faster than Python.
_MANY_POINTS = 64

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]

_NO_INTEGERS: Integers = np.empty(0, np.int64)
_NO_DOUBLES: Doubles = np.empty(0, np.float64)


class ModelPoint(NamedTuple):
    """A point that is also a metric of a logged model."""

    model_id: str
    key: str
    step: int
    timestamp: int
    value: float
    dataset_name: str
    dataset_digest: str


class ConsoleText(NamedTuple):
    """A line of a console; `number` is 0 while it is not stored."""

    stream: int
    timestamp: int
    text: str
    writer: int
    sequence: int
    number: int = 0


class MetricPoints(NamedTuple):
    """The points of a batch that are of one metric."""

    key: str
    step: Integers
    timestamp: Integers
    value: Doubles


@dataclass(slots=True, eq=False)
class Batch:
    """What is written to one run, to be applied whole or not at all.

    The first counts[0] points are of keys[0], the next counts[1] of keys[1], and so on. The arrays
    may be read-only.

    Attributes:
        write: identifies the write, if it may be sent again.
        model_points: those of the points that are metrics of logged models.
        console: lines of the console.
        console_line: once it is applied, the number of the first of them that is new or has another
            text; 0 if there is none.
        encoded: the points of some metrics once more, as the store encodes them (points/append.py).
        catalog: all else that it says of the run; None for nearly all batches.
    """

    run_id: str
    keys: Sequence[str] = ()
    counts: Sequence[int] = ()
    step: Integers = field(default_factory=lambda: _NO_INTEGERS)
    timestamp: Integers = field(default_factory=lambda: _NO_INTEGERS)
    value: Doubles = field(default_factory=lambda: _NO_DOUBLES)
    params: list[tuple[str, str]] = field(default_factory=list)
    tags: Sequence[tuple[str, str]] = field(default_factory=list)
    write: WriteId | None = None
    model_points: Sequence[ModelPoint] = ()
    console: Sequence[ConsoleText] = ()
    console_line: int = 0
    encoded: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    catalog: CatalogWrites | None = None

    def check(self) -> None:
        """Raise InvalidArgument if anything in it breaks its rule (M1, M2, P2, P5, C1)."""
        if self._has_table():
            self._check_table()
        for key, value in self.params:
            check_key("params.key", key)
            check_text(f"params.{key}", value)
        for key, value in self.tags:
            check_key("tags.key", key)
            check_text(f"tags.{key}", value)
        for line in self.console:
            _check_line(line)
        if len({key for key, _ in self.params}) < len(self.params):
            twice = _first_repeated(key for key, _ in self.params)
            raise InvalidArgument(
                f"params.{twice} is in the batch more than once",
                reason="PARAM_REPEATED",
                field=f"params.{twice}",
                value=twice,
                limit="once in a batch",
            )

    def points_by_metric(self) -> Iterator[MetricPoints]:
        """Yield the points of each metric."""
        first = 0
        for key, count in zip(self.keys, self.counts, strict=True):
            end = first + count
            yield MetricPoints(
                key, self.step[first:end], self.timestamp[first:end], self.value[first:end]
            )
            first = end

    def is_empty(self) -> bool:
        """Return whether it has a run and nothing else: such a batch is a heartbeat."""
        return self.catalog is None and not self.has_data()

    def has_data(self) -> bool:
        """Return whether it has points, params, tags or lines of a console."""
        return bool(self._has_table() or self.params or self.tags or self.console)

    def _has_table(self) -> bool:
        return bool(
            self.keys or self.counts or len(self.step) or len(self.timestamp) or len(self.value)
        )

    def _check_table(self) -> None:
        if len(self.counts) != len(self.keys):
            raise _malformed_error("metrics.counts", len(self.counts), f"{len(self.keys)} numbers")
        if 0 in self.counts:
            raise _malformed_error("metrics.counts", 0, "1 or more")
        points = sum(self.counts)
        if not points == len(self.step) == len(self.timestamp) == len(self.value):
            raise _malformed_error(
                "metrics",
                f"step {len(self.step)}, timestamp {len(self.timestamp)}, value {len(self.value)}",
                f"as many of each as counts add up to, {points}",
            )
        if len(set(self.keys)) < len(self.keys):
            raise _malformed_error("metrics.keys", "a key is repeated", "distinct keys")
        for key in self.keys:
            check_key("metrics.key", key)
        is_small = points < _MANY_POINTS
        earliest = min(self.timestamp.tolist()) if is_small else self.timestamp.min()
        check_timestamp("metrics.timestamp", int(earliest))


def _check_line(line: ConsoleText) -> None:
    for name, value, is_good, limit in (
        ("stream", line.stream, line.stream in STREAMS, "stdout or stderr"),
        ("timestamp", line.timestamp, line.timestamp >= 0, "not negative"),
        ("writer", line.writer, line.writer > 0, "positive"),
        ("sequence", line.sequence, line.sequence >= 0, "not negative"),
        (
            "text",
            line.text,
            len(line.text) <= LINE_BYTES and len(line.text.encode()) <= LINE_BYTES,
            f"at most {LINE_BYTES} bytes",
        ),
    ):
        if not is_good:
            raise InvalidArgument(
                f"console.{name} {shorten(repr(value))} of a line must be {limit}",
                reason="CONSOLE_LINE_MALFORMED",
                field=f"console.{name}",
                value=value,
                limit=limit,
            )


def _first_repeated(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise LookupError("no key is repeated")


def _malformed_error(name: str, value: object, limit: str) -> InvalidArgument:
    return InvalidArgument(
        f"{name} of the table is malformed: {value}, must be {limit}",
        reason="METRIC_TABLE_MALFORMED",
        field=name,
        value=value,
        limit=limit,
    )
