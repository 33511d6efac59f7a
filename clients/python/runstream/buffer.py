"""What was logged to one run: checked, and queued for the uploader."""

from __future__ import annotations

import reprlib
import struct
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex, TypeVar

from runstream import rules
from runstream.errors import InvalidArgument, RunstreamError
from runstream.series import Series, checked_record, record
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_pb2 import Param, RunTag

if TYPE_CHECKING:
    from runstream.entities import Metric
    from runstream.outbox import Outbox

#: Size at which a batch is sent without waiting for more (M7).
BATCH_BYTES = 1024 * 1024

# What a point takes on the wire: 8 bytes of value, 6 of timestamp, 1 to 3 each of step and key.
# It is 30 at the very worst, and 1.5 MiB are still far from the limit of a message.
_ROW_BYTES = 20

# Points after which a batch call makes batches itself, so that it cannot outrun the uploader.
_MANY_POINTS = 50_000

#: Params or tags: their keys and values.
Pairs = Mapping[str, object] | Iterable[tuple[str, object]]

Number = TypeVar("Number", int, float)


class RunBuffer:
    """The way into the outbox for one run; any number of threads may use it.

    Attributes:
        run_id: the run.
        used: when it was last asked for or drained, by `time.monotonic`.
        last: number of the last batch put into the outbox; covered by the outbox's lock.
        sent: when the last batch or sign of life was put there, by `time.monotonic`; the same lock.
        sign_waits: whether a sign of life has no answer; the same lock.
        refusals: errors of batches that the server refused, not yet raised; the same lock.
    """

    def __init__(self, outbox: Outbox, run_id: str) -> None:
        self._outbox = outbox
        self._series: dict[str, Series] = {}
        self._append = {key: series.append for key, series in self._series.items()}
        self._params: dict[str, str] = {}
        self.run_id = run_id
        self.used = time.monotonic()
        self.last = 0
        self.sent = 0.0
        self.sign_waits = False
        self.refusals: list[RunstreamError] = []

    def log_metric(
        self,
        key: str,
        value: SupportsFloat,
        step: SupportsIndex | None,
        timestamp: SupportsIndex | None,
    ) -> None:
        """Queue one point (M1, M2, M3, M5)."""
        if self.refusals:
            self._outbox.raise_refusals(self)
        try:
            if timestamp is None:
                self._append[key](record(value, step, -time_ns()))
            else:
                self._append[key](checked_record(key, value, step, timestamp))
        except (KeyError, TypeError, struct.error):
            # A new key, a step of None, or bad input: seldom, so it need not be fast.
            data = checked_record(key, value, step, timestamp)
            self._series_of(key).append(data)
        if self._outbox.attention:
            self._outbox.attend()

    def log_metrics(
        self,
        metrics: Mapping[str, SupportsFloat],
        step: SupportsIndex | None,
        timestamp: SupportsIndex | None,
    ) -> None:
        """Queue one point of each of several metrics, all of them or none."""
        self.raise_refusals()
        checked = [
            (self._series_of(key), checked_record(key, value, step, timestamp))
            for key, value in metrics.items()
        ]
        for series, data in checked:
            series.append(data)
        if self._outbox.attention:
            self._outbox.attend()

    def log_batch(self, metrics: Iterable[Metric | tuple[str, float, int, int]]) -> None:
        """Queue many points, all of them or none."""
        self.raise_refusals()
        checked: dict[str, bytearray] = {}
        for key, value, timestamp, step in metrics:
            try:
                if timestamp < 0:
                    rules.check_timestamp("timestamp", timestamp)
                checked[key].extend(record(value, step, timestamp))
            except (KeyError, TypeError, struct.error):
                data = checked_record(key, value, step, timestamp)
                checked.setdefault(key, bytearray()).extend(data)
        queues = [self._series_of(key) for key in checked]
        for series, records in zip(queues, checked.values(), strict=True):
            series.append(records)
        if self.points() >= _MANY_POINTS:
            self._outbox.collect()
        if self._outbox.attention:
            self._outbox.attend()

    def log_columns(
        self,
        keys: Sequence[str],
        key: Collection[int],
        step: Collection[int],
        timestamp: Collection[int],
        value: Collection[float],
    ) -> None:
        """Queue many points that come as columns, all of them or none."""
        if len({len(key), len(step), len(timestamp), len(value)}) != 1:
            raise InvalidArgument(
                f"the columns have different lengths: {len(key)} of key, {len(step)} of step, "
                f"{len(timestamp)} of timestamp, {len(value)} of value",
                reason="METRIC_TABLE_MALFORMED",
                run_id=self.run_id,
                field="metrics",
            )
        index = _plain(key)
        if index and not 0 <= min(index) <= max(index) < len(keys):
            raise InvalidArgument(
                f"the column key goes from {min(index)} to {max(index)}, "
                f"but keys has {len(keys)} entries",
                reason="METRIC_TABLE_MALFORMED",
                run_id=self.run_id,
                field="metrics.key",
            )
        names = map(keys.__getitem__, index)
        self.log_batch(zip(names, _plain(value), _plain(timestamp), _plain(step), strict=True))

    def log_params(self, params: Pairs) -> None:
        """Queue params as a batch of their own, so that a refusal takes no points with it (P1)."""
        self.raise_refusals()
        texts = settings("params", params)
        for key, value in texts.items():
            old = self._params.get(key, value)
            if old != value:
                raise InvalidArgument(
                    f"params.{key} of run {self.run_id} is already {reprlib.repr(old)}, "
                    f"it cannot become {reprlib.repr(value)}",
                    reason="PARAM_IMMUTABLE",
                    run_id=self.run_id,
                    field=f"params.{key}",
                    old=old,
                    new=value,
                )
        self._put(Param(key=key, value=value) for key, value in texts.items())
        self._params.update(texts)

    def set_tags(self, tags: Pairs) -> None:
        """Queue tags as a batch of their own (P3)."""
        self.raise_refusals()
        self._put(RunTag(key=key, value=value) for key, value in settings("tags", tags).items())

    def begin_signs(self) -> None:
        """Give signs of life of the run, until `end_signs` is called as often."""
        self._outbox.begin_signs(self)

    def end_signs(self) -> None:
        """Give no more signs of life of the run."""
        self._outbox.end_signs(self)

    def sign_of_life(self) -> bytes:
        """Return the message that says nothing but that the run is alive."""
        return LogBatchRequest(run_id=self.run_id).SerializeToString()

    def raise_refusals(self) -> None:
        """Raise what the server refused, if anything; each refusal is raised once."""
        if self.refusals:
            self._outbox.raise_refusals(self)

    def points(self) -> int:
        """Return how many points wait here, not in a batch yet."""
        return sum(map(len, list(self._series.values())))

    def ahead_of(self, milliseconds: int) -> bool:
        """Return whether timestamps after this time have been filled in."""
        return any(series.ahead_of(milliseconds) for series in list(self._series.values()))

    def drain(self) -> Iterator[tuple[bytes, int]]:
        """Move the points that wait here into batches: each a message and how many points it has.

        The points of a metric stay together, because the server stores them fastest that way.
        Only one thread at a time may do this.
        """
        request = LogBatchRequest(run_id=self.run_id)
        table, size = request.metrics, 0
        for series in list(self._series.values()):
            left = len(series)
            while left:
                columns = series.take(min(left, max(1, (BATCH_BYTES - size) // _ROW_BYTES)))
                rows = len(columns.step)
                left -= rows
                table.key.extend([len(table.keys)] * rows)
                table.keys.append(series.key)
                table.step.extend(columns.step)
                table.timestamp.extend(columns.timestamp)
                table.value.extend(columns.value)
                size += rows * _ROW_BYTES + 4 * len(series.key)  # UTF-8 takes up to 4 bytes
                if size + _ROW_BYTES > BATCH_BYTES:
                    yield request.SerializeToString(), len(table.value)
                    request = LogBatchRequest(run_id=self.run_id)
                    table, size = request.metrics, 0
        if size:
            yield request.SerializeToString(), len(table.value)

    def forget(self) -> None:
        """Drop all that waits here: in a forked child it is the parent's to send."""
        self._append.clear()
        self._series.clear()
        self._params.clear()
        self.refusals.clear()
        self.last = 0
        self.sign_waits = False

    def _series_of(self, key: str) -> Series:
        series = self._series.get(key)
        if series is None:
            rules.check_key("key", key)
            series = self._series.setdefault(key, Series(key))  # another thread may be faster
            self._append[key] = series.append
        return series

    def _put(self, messages: Iterable[Param | RunTag]) -> None:
        request, size, count = LogBatchRequest(run_id=self.run_id), 0, 0
        for message in messages:
            bytes_more = message.ByteSize()
            if count and size + bytes_more > BATCH_BYTES:
                self._outbox.put(self, request.SerializeToString(), settings=count)
                request, size, count = LogBatchRequest(run_id=self.run_id), 0, 0
            if isinstance(message, Param):
                request.params.append(message)
            else:
                request.tags.append(message)
            size += bytes_more
            count += 1
        if count:
            self._outbox.put(self, request.SerializeToString(), settings=count)
        if self._outbox.attention:
            self._outbox.attend()


def settings(field: str, pairs: Pairs) -> dict[str, str]:
    """Return params or tags as texts (M1, P2).

    Raises:
        InvalidArgument: a key or value breaks its rule, or a param comes twice (P5).
    """
    texts: dict[str, str] = {}
    for key, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
        rules.check_key("key", key)
        text = str(value)
        rules.check_text(f"{field}.{key}", text)
        if field == "params" and texts.get(key, text) != text:
            raise InvalidArgument(
                f"params.{key} is twice in one call", reason="PARAM_REPEATED", field=f"params.{key}"
            )
        texts[key] = text
    return texts


def _plain(column: Collection[Number]) -> Collection[Number]:
    """Return a column as Python numbers, which are read faster than the scalars of an array."""
    plain: Collection[Number] = column.tolist() if hasattr(column, "tolist") else column
    return plain
