"""What was logged to one run: checked, and queued for the uploader."""

from __future__ import annotations

import logging
import reprlib
import struct
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Protocol, TypeVar

from runstream import rules
from runstream.contract.metric_numbers import IntegerLike, MetricValue
from runstream.contract.params_and_tags import OnError, Pairs, skips_errors, to_pairs, to_texts
from runstream.errors import InvalidArgument, RunstreamError
from runstream.outbox.batch import Backlog, Settings
from runstream.outbox.packing import point_batches, setting_batches
from runstream.outbox.series import Series, checked_record, record
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_pb2 import Param, RunTag

if TYPE_CHECKING:
    from runstream.entities import Metric

# Points that wait, and batches of one call, after which the call waits until the uploader has
# taken them: or else it would outrun the uploader, and the limit of the outbox would not hold.
_MANY_POINTS = 50_000
_MANY_BATCHES = 1

# Metrics, params and tags of which a run tells that they were left out; those after them are left
# out in silence.
_TOLD = 100
_TOLD_CHARACTERS = 500

log = logging.getLogger("runstream")

Number = TypeVar("Number", int, float)


class Gate(Protocol):
    """What a buffer asks of the outbox that it belongs to."""

    def admit(self, buffer: RunBuffer) -> RunBuffer:
        """Return the buffer that a call may log to, waiting while there is no room."""

    def attend(self, buffer: RunBuffer) -> None:
        """Wake the uploader, after something was logged while it slept."""

    def catch_up(self) -> None:
        """Wait until the uploader has made batches of what was logged before."""

    def raise_refusals(self, run_id: str) -> None:
        """Raise what the server refused of a run."""


class RunBuffer:
    """The way into the outbox for one run; any number of threads may log to it.

    What a call queues it appends in one step. The uploader's thread alone takes it out.

    Attributes:
        run_id: the run.
        admitted: whether a call may log at once; otherwise it asks `Outbox.admit` first.
        attention: whether a call that has logged must call `Outbox.attend`.
        retired: whether the outbox let go of it; another buffer takes its place then.
        refusals: errors of batches that the server refused, not yet raised.
        used: when something was last taken out, by `time.monotonic`.
    """

    def __init__(self, gate: Gate, run_id: str) -> None:
        self._gate = gate
        self._series: dict[str, Series] = {}
        self._append: dict[str, Callable[[bytes], None]] = {}
        self._settings: deque[Settings] = deque()
        self._params: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()
        self.run_id = run_id
        self.admitted = False
        self.attention = True
        self.retired = False
        self.refusals: deque[RunstreamError] = deque()
        self.used = time.monotonic()

    def log_metric(
        self,
        key: str,
        value: MetricValue,
        step: IntegerLike | None,
        timestamp: IntegerLike | None,
    ) -> None:
        """Queue one point (M1, M2, M3, M5)."""
        buffer = self if self.admitted else self._gate.admit(self)
        try:
            if timestamp is None:
                buffer._append[key](record(value, step, -time_ns()))
            else:
                buffer._append[key](checked_record(key, value, step, timestamp))
        except (KeyError, TypeError, struct.error):
            # A new key, a step of None, or bad input: seldom, so it need not be fast.
            data = checked_record(key, value, step, timestamp)
            buffer._series_of(key).append(data)
        if buffer.attention:
            buffer._gate.attend(buffer)

    def log_metrics(
        self,
        metrics: Mapping[str, MetricValue],
        step: IntegerLike | None,
        timestamp: IntegerLike | None,
        on_error: OnError = "raise",
    ) -> None:
        """Queue one point of each of several metrics, all of them or those that are good."""
        lenient = skips_errors(on_error)
        buffer = self._begin_call(lenient)
        steps = []
        for key, value in to_pairs("metrics", metrics):
            try:
                data = checked_record(key, value, step, timestamp)
                steps.append(partial(buffer._series_of(key).append, data))
            except InvalidArgument as error:
                if not lenient:
                    raise
                self._leave_out("metrics", key, error)
        _at_once(steps)
        if buffer.attention:
            buffer._gate.attend(buffer)

    def log_batch(
        self,
        metrics: Iterable[Metric | tuple[str, float, int, int]],
        params: Pairs = (),
        tags: Pairs = (),
        on_error: OnError = "raise",
    ) -> None:
        """Queue many points, params and tags, all of them or none, or the good params and tags."""
        lenient = skips_errors(on_error)
        buffer = self._begin_call(lenient)
        checked: dict[str, bytearray] = {}
        for key, value, timestamp, step in metrics:
            try:
                if timestamp < 0:
                    rules.check_timestamp("timestamp", timestamp)
                checked[key].extend(record(value, step, timestamp))
            except (KeyError, TypeError, struct.error):
                data = checked_record(key, value, step, timestamp)
                checked.setdefault(key, bytearray()).extend(data)
        texts, batches = buffer._checked_settings(params, tags, lenient)
        steps: list[partial[None]] = [
            partial(buffer._series_of(key).append, records) for key, records in checked.items()
        ]
        if batches:
            steps += (
                partial(buffer._params.update, texts),
                partial(buffer._settings.extend, batches),
            )
        _at_once(steps)
        if len(batches) > _MANY_BATCHES or buffer._points() >= _MANY_POINTS:
            buffer._gate.catch_up()
        if buffer.attention:
            buffer._gate.attend(buffer)

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

    def log_params(self, params: Pairs, on_error: OnError = "raise") -> None:
        """Queue params as a batch of their own, so that a refusal takes no points with it (P1)."""
        self.log_batch((), params, (), on_error)

    def set_tags(self, tags: Pairs, on_error: OnError = "raise") -> None:
        """Queue tags as a batch of their own (P3)."""
        self.log_batch((), (), tags, on_error)

    def waiting(self) -> Backlog:
        """Return how much waits here, not in a batch yet."""
        return Backlog(self._points(), sum(settings.pairs for settings in self._settings.copy()))

    def is_empty(self) -> bool:
        """Return whether nothing waits here."""
        return not (self._settings or any(map(len, list(self._series.values()))))

    def ahead_of(self, milliseconds: int) -> bool:
        """Return whether timestamps after this time have been filled in."""
        return any(series.ahead_of(milliseconds) for series in list(self._series.values()))

    # For the uploader's thread.

    def drain(self, put: Callable[[RunBuffer, bytes, int, int], None]) -> None:
        """Move what waits here into batches.

        Args:
            put: takes this buffer, the message of a batch, and its counts of points and settings.
                What it was given is removed from here after it returned.
        """
        while self._settings:
            put(self, self._settings[0].message, 0, self._settings[0].pairs)
            self._settings.popleft()
        for message, points in point_batches(self.run_id, list(self._series.values())):
            put(self, message, points, 0)
        self.used = time.monotonic()

    def take_over(self, retired: RunBuffer) -> None:
        """Move what was logged to a buffer while it retired to here."""
        for key, series in list(retired._series.items()):
            series.move_to(self._series_of(key))
        while retired._settings:
            self._settings.append(retired._settings[0])
            retired._settings.popleft()

    def forget_params(self, message: bytes) -> None:
        """Let the params of a refused batch be logged with other values."""
        for param in LogBatchRequest.FromString(message).params:
            self._params.pop(param.key, None)

    def reset_after_fork(self) -> None:
        """Drop all that waits here: in a forked child it is the parent's to send."""
        self._append.clear()
        self._series.clear()
        self._settings.clear()
        self._params.clear()
        self._told.clear()
        self.refusals.clear()
        self.admitted = False
        self.attention = True

    def _begin_call(self, lenient: bool) -> RunBuffer:
        """Return the buffer to log to; what the server refused is told of here, if it may be."""
        if lenient and self.refusals:
            try:
                self._gate.raise_refusals(self.run_id)
            except RunstreamError as refusal:
                self._leave_out("refusals", refusal.reason, refusal)
        return self if self.admitted else self._gate.admit(self)

    def _leave_out(self, field: str, key: object, error: RunstreamError) -> None:
        """Warn once that something is not logged, in a call that must not end the training."""
        name = field, repr(key)[:_TOLD_CHARACTERS]  # of a key that may be anything
        if name not in self._told and len(self._told) < _TOLD:
            self._told.add(name)
            log.warning("run %s: not logged: %s", self.run_id, error)

    def _points(self) -> int:
        return sum(map(len, list(self._series.values())))

    def _series_of(self, key: str) -> Series:
        series = self._series.get(key)
        if series is None:
            rules.check_key("key", key)
            series = self._series.setdefault(key, Series(key))  # another thread may be faster
        self._append[key] = series.append
        return series

    def _checked_settings(
        self, params: Pairs, tags: Pairs, lenient: bool
    ) -> tuple[dict[str, str], list[Settings]]:
        """Check params and tags; return the params, and batches of both."""
        refuse = self._leave_out if lenient else None
        texts = to_texts("params", params, refuse)
        for key, value in list(texts.items()):
            old = self._params.get(key, value)
            if old != value:
                error = InvalidArgument(
                    f"params.{key} of run {self.run_id} is already {reprlib.repr(old)}, "
                    f"it cannot become {reprlib.repr(value)}",
                    reason="PARAM_IMMUTABLE",
                    run_id=self.run_id,
                    field=f"params.{key}",
                    old=old,
                    new=value,
                )
                if refuse is None:
                    raise error
                refuse("params", key, error)
                del texts[key]
        given = [Param(key=key, value=value) for key, value in texts.items()]
        tagged = to_texts("tags", tags, refuse)
        batches = [*setting_batches(self.run_id, given)]
        batches += setting_batches(self.run_id, [RunTag(key=k, value=v) for k, v in tagged.items()])
        return texts, batches


def _plain(column: Collection[Number]) -> Collection[Number]:
    """Return a column as Python numbers, which are read faster than the scalars of an array."""
    plain: Collection[Number] = column.tolist() if hasattr(column, "tolist") else column
    return plain


def _at_once(steps: Iterable[partial[None]]) -> None:
    """Do several calls of functions in C, all or none of them whatever interrupts the caller.

    Signal handlers run between two steps of Python, and here is one: the loop is in C, too.
    """
    deque(map(partial.__call__, list(steps)), maxlen=0)
