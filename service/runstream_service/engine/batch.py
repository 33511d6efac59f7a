"""A batch: what one request logs to one run, in columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from runstream.errors import InvalidArgument, shorten
from runstream.rules import check_key, check_text, check_timestamp
from runstream_service.engine.applied_writes import WriteId

#: Bytes of the text of a line of the console.
LINE_BYTES = 16_384

#: Streams of a program, by their numbers in the contract.
STREAMS = (1, 2)

MetricPoints = tuple[str, Sequence[int], Sequence[int], Sequence[float]]


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


class ReceivedPoints(Protocol):
    """Points in the compact form in which they came; the store only counts them."""

    def __len__(self) -> int: ...


@dataclass(slots=True)
class Batch:
    """Points, params and tags for one run, to be applied whole or not at all.

    Point i is (keys[key[i]], step[i], timestamp[i], value[i]).

    Attributes:
        received: the same points as they came, for those who watch the run.
        write: identifies the write, if it may be sent again.
        model_points: those of the points that are metrics of logged models.
        console: lines of the console.
        console_line: once it is applied, the number of the first of them that is new or has another
            text; 0 if there is none.
    """

    run_id: str
    keys: Sequence[str] = ()
    key: Sequence[int] = ()
    step: Sequence[int] = ()
    timestamp: Sequence[int] = ()
    value: Sequence[float] = ()
    params: list[tuple[str, str]] = field(default_factory=list)
    tags: Sequence[tuple[str, str]] = field(default_factory=list)
    received: ReceivedPoints | None = None
    write: WriteId | None = None
    model_points: Sequence[ModelPoint] = ()
    console: Sequence[ConsoleText] = ()
    console_line: int = 0

    def check(self) -> None:
        """Raise InvalidArgument if anything in it breaks its rule (M1, M2, P2, P5, C1)."""
        if self.key or self.keys or self.step or self.timestamp or self.value:
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
        """Yield the points by metric: its key, steps, timestamps and values."""
        step, timestamp, value = self.step, self.timestamp, self.value
        index = sorted(self.key)
        if index != list(self.key):  # our clients send the points of a metric together
            order = sorted(range(len(index)), key=self.key.__getitem__)
            step = [step[i] for i in order]
            timestamp = [timestamp[i] for i in order]
            value = [value[i] for i in order]
        start = 0
        while start < len(index):
            end = bisect_right(index, index[start], start)
            part = slice(start, end)
            yield self.keys[index[start]], step[part], timestamp[part], value[part]
            start = end

    def is_empty(self) -> bool:
        """Return whether it has no data: such a batch is a heartbeat."""
        points = self.key or self.keys or self.step or self.timestamp or self.value
        return not (points or self.params or self.tags or self.console)

    def is_one_row(self) -> bool:
        """Return whether it has one point of each metric, as most batches have."""
        return list(self.key) == list(range(len(self.keys)))

    def drop_columns(self) -> None:
        """Drop the columns if `received` has the points, which takes a quarter of their memory."""
        if self.received is not None:
            self.key = self.step = self.timestamp = self.value = ()

    def _check_table(self) -> None:
        lengths = {len(self.key), len(self.step), len(self.timestamp), len(self.value)}
        if len(lengths) > 1:
            raise _malformed_error(
                "metrics",
                f"key {len(self.key)}, step {len(self.step)}, timestamp {len(self.timestamp)}, "
                f"value {len(self.value)}",
                "columns of one length",
            )
        if self.key and max(self.key) >= len(self.keys):
            raise _malformed_error("metrics.key", max(self.key), f"less than {len(self.keys)}")
        if len(set(self.keys)) < len(self.keys):
            raise _malformed_error("metrics.keys", "a key is repeated", "distinct keys")
        for key in self.keys:
            check_key("metrics.key", key)
        if self.timestamp:
            check_timestamp("metrics.timestamp", min(self.timestamp))


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
