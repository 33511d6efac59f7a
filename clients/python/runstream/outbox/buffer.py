"""The buffer of one run: checks what is logged, and queues it for the uploader."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Protocol

from runstream import rules
from runstream.contract.alert_fields import to_seconds
from runstream.contract.metric_numbers import IntegerLike, MetricValue
from runstream.contract.params_and_tags import OnError, Pairs, skips_errors, to_pairs, to_texts
from runstream.contract.run_batches import alert_batch
from runstream.errors import InvalidArgument, RunstreamError
from runstream.outbox import alert_pauses
from runstream.outbox.batch import PackedBatch
from runstream.outbox.buffer_contents import BufferContents
from runstream.outbox.columns import make_table, pack_table, rows_of_table
from runstream.outbox.packing import pack_lines, pack_params, pack_request, pack_tags
from runstream.outbox.run_params import RunParams
from runstream.outbox.series import check_and_pack_point, pack_point
from runstream.outbox.skip_warnings import SkipWarnings
from runstream.v1.console_pb2 import ConsoleLine
from runstream.v1.logging_service_pb2 import LogBatchRequest

if TYPE_CHECKING:
    from runstream.entities import Metric

# Points that wait, and batches of one call, after which the call waits until the uploader has
# taken them. Without that a call would outrun the uploader, and exceed the limit of the outbox.
_MANY_POINTS = 50_000
_MANY_BATCHES = 1


class BufferOwner(Protocol):
    """The methods of the outbox that its buffers call."""

    def open_buffer(self, buffer: RunBuffer) -> RunBuffer:
        """Return the buffer that a call may log to, waiting while there is no room."""

    def wake_for(self, buffer: RunBuffer) -> None:
        """Wake the uploader, after something was logged to a buffer while the uploader slept."""

    def wait_until_collected(self) -> None:
        """Wait until the uploader has made batches of what was logged before."""

    def raise_refusals(self, run_id: str) -> None:
        """Raise what the server refused of a run."""


class RunBuffer:
    """The way into the outbox for one run.

    Any number of threads may log to it. A thread of the outbox opens and closes it. The uploader's
    thread alone takes out what was logged, and retires the buffer. No lock is needed: what a call
    queues it appends in one step in C, and each flag is written in one step. The order of these
    steps matters, see `runstream.outbox`.

    Attributes:
        run_id: the run.
        contents: what was logged and is not in a batch yet.
        is_open: whether a call may log at once; otherwise it asks `BufferOwner.open_buffer` first.
        must_wake: whether a call that has logged must call `BufferOwner.wake_for`.
        has_ended: whether nobody has logged to it since the end of its run was queued.
        is_created_here: whether this process has queued that its run starts, as a new one.
        is_retired: whether the outbox does not know it any more; another buffer takes its place.
    """

    def __init__(self, owner: BufferOwner, run_id: str) -> None:
        self._owner = owner
        self.contents = BufferContents(run_id)
        self._append = self.contents.append  # of its own, because `log_metric` must be fast
        self._batches = self.contents.batches
        self._params = RunParams(run_id)
        self._skip_warnings = SkipWarnings(run_id)
        self.run_id = run_id
        self.is_open = False
        self.must_wake = True
        self.has_ended = False
        self.is_created_here = False
        self.is_retired = False

    def log_metric(
        self,
        key: str,
        value: MetricValue,
        step: IntegerLike | None,
        timestamp: IntegerLike | None,
    ) -> None:
        """Queue one point (M1, M2, M3, M5)."""
        buffer = self if self.is_open else self._owner.open_buffer(self)
        try:
            if timestamp is None:
                buffer._append[key](pack_point(value, step, -time_ns()))
            else:
                buffer._append[key](check_and_pack_point(key, value, step, timestamp))
        except (KeyError, TypeError, struct.error):
            # A new key, a step of None, or bad input: seldom, so it need not be fast.
            data = check_and_pack_point(key, value, step, timestamp)
            buffer.contents.get_series(key).append(data)
        if buffer.must_wake:
            buffer._owner.wake_for(buffer)

    def log_metrics(
        self,
        metrics: Mapping[str, MetricValue],
        step: IntegerLike | None,
        timestamp: IntegerLike | None,
        on_error: OnError = "raise",
    ) -> None:
        """Queue one point of each of several metrics, all of them or those that are good."""
        is_lenient = skips_errors(on_error)
        buffer = self._open_for(is_lenient)
        steps = []
        reading = -time_ns() if timestamp is None else None  # nothing packs None
        for key, value in to_pairs("metrics", metrics):
            try:
                steps.append(partial(buffer._append[key], pack_point(value, step, reading)))
            except (KeyError, TypeError, struct.error):  # seldom, as in `log_metric`
                try:
                    data = check_and_pack_point(key, value, step, timestamp)
                    steps.append(partial(buffer.contents.get_series(key).append, data))
                except InvalidArgument as error:
                    if not is_lenient:
                        raise
                    self._skip_warnings.warn("metrics", key, error)
        _run_in_one_step(steps)
        if buffer.must_wake:
            buffer._owner.wake_for(buffer)

    def log_batch(
        self,
        metrics: Iterable[Metric | tuple[str, float, int, int]],
        params: Pairs = (),
        tags: Pairs = (),
        on_error: OnError = "raise",
    ) -> None:
        """Queue many points, params and tags, all of them or none, or the good params and tags."""
        is_lenient = skips_errors(on_error)
        buffer = self._open_for(is_lenient)
        checked: dict[str, bytearray] = {}
        for key, value, timestamp, step in metrics:
            try:
                if timestamp < 0:
                    rules.check_timestamp("timestamp", timestamp)
                checked[key].extend(pack_point(value, step, timestamp))
            except (KeyError, TypeError, struct.error):
                rules.check_key("key", key)
                data = check_and_pack_point(key, value, step, timestamp)
                checked.setdefault(key, bytearray()).extend(data)
        on_invalid = buffer._skip_warnings.warn if is_lenient else None
        param_texts = buffer._params.check(params, on_invalid)
        tag_texts = to_texts("tags", tags, on_invalid)
        batches = [*pack_params(self.run_id, param_texts), *pack_tags(self.run_id, tag_texts)]
        buffer._queue(checked, param_texts, batches)

    def log_columns(
        self,
        key: str | Collection[str] | Collection[int],
        value: Collection[MetricValue],
        step: Collection[IntegerLike],
        timestamp: Collection[IntegerLike] | None = None,
        keys: Sequence[str] | None = None,
    ) -> None:
        """Queue many points that come as columns, all of them or none."""
        table = make_table(self.run_id, key, value, step, timestamp, keys)
        records = pack_table(table)
        if records is None:
            self.log_batch(rows_of_table(table))
            return
        self._open_for(is_lenient=False)._queue(records)

    def log_params(self, params: Pairs, on_error: OnError = "raise") -> None:
        """Queue params as a batch of their own, so that a refusal takes no points with it (P1)."""
        self.log_batch((), params, (), on_error)

    def set_tags(self, tags: Pairs, on_error: OnError = "raise") -> None:
        """Queue tags as a batch of their own (P3)."""
        self.log_batch((), (), tags, on_error)

    def log_console(self, lines: Iterable[ConsoleLine]) -> None:
        """Queue lines of the console, in batches of their own (C1)."""
        buffer = self._open_for(is_lenient=True)
        buffer._batches.extend(pack_lines(buffer.run_id, lines))
        if buffer.must_wake:
            buffer._owner.wake_for(buffer)

    def alert(self, title: str, text: str, level: object, wait_duration: float | timedelta) -> None:
        """Queue an alert, unless one of this title was queued a moment ago (N11)."""
        batch = alert_batch(self.run_id, title, text, level)
        if alert_pauses.take(self.run_id, title, to_seconds(wait_duration)):
            try:
                self.queue_batch(batch)
            except BaseException:
                alert_pauses.release(self.run_id, title)
                raise

    def queue_batch(self, request: LogBatchRequest) -> None:
        """Queue a request as it is, in the order of params and tags: a start, datasets, ...

        Raises:
            ResourceExhausted: it is larger than a message may be.
        """
        batch = pack_request(request)
        buffer = self if self.is_open else self._owner.open_buffer(self)
        if request.HasField("start") and not request.HasField("update"):
            buffer.is_created_here = True
        buffer._batches.append(batch)
        buffer._owner.wake_for(buffer)

    def queue_first(self, request: LogBatchRequest) -> None:
        """Queue a request that is sent before what is logged from now on, if anything is."""
        # At the end: the uploader may be about to remove what is at the beginning.
        self._batches.append(pack_request(request))

    def queue_update(self, request: LogBatchRequest) -> None:
        """Queue a request that is sent after the points that were logged before it: an end.

        What the server refused before is raised by another call, so that each run ends.

        Raises:
            ResourceExhausted: it is larger than a message may be.
        """
        self._batches.append(pack_request(request, is_after_points=True))
        self.has_ended = True
        self.is_open = False  # so that the next call says that the run goes on
        if self.must_wake:
            self._owner.wake_for(self)

    # On a thread of the outbox: one that logs, the uploader's or that of a stream.

    def open(self) -> None:
        """Let calls log at once."""
        self.has_ended = False
        self.is_open = True

    def close(self) -> None:
        """Let the next call ask the outbox before it logs."""
        self.is_open = False

    def drop_params(self, message: bytes) -> None:
        """Let the params of a refused batch be logged with other values."""
        self._params.drop(message)

    # On the uploader's thread.

    def request_wake(self) -> None:
        """Let the next call wake the uploader after it has logged."""
        self.must_wake = True

    def cancel_wake(self) -> None:
        """Let calls log without waking the uploader, which looks for itself."""
        self.must_wake = False

    def retire(self) -> bool:
        """Retire the buffer if nothing waits here; return whether it is retired.

        What a call logs from here on is not missed, because the call calls `wake_for`.
        """
        self.is_retired = True
        self.is_open = False
        self.must_wake = True
        if not self.contents.is_empty():
            self.is_retired = False
        return self.is_retired

    def take_over(self, retired: RunBuffer) -> None:
        """Move to here what was logged to a buffer while it was being retired."""
        retired.contents.move_to(self.contents)

    def reset_after_fork(self) -> None:
        """Drop all that waits here, because in a forked child it is the parent's to send."""
        self.contents.clear()
        self._params.clear()
        self._skip_warnings.clear()
        self.is_created_here = False
        self.is_open = False
        self.must_wake = True

    def _open_for(self, is_lenient: bool) -> RunBuffer:
        """Return the buffer to log to; in a lenient call a refusal is a warning."""
        if self.is_open:
            return self
        if is_lenient:
            try:
                self._owner.raise_refusals(self.run_id)
            except RunstreamError as refusal:
                self._skip_warnings.warn("refusals", refusal.reason, refusal)
        return self._owner.open_buffer(self)

    def _queue(
        self,
        records: Mapping[str, bytearray],
        params: dict[str, str] | None = None,
        batches: Sequence[PackedBatch] = (),
    ) -> None:
        """Queue what is checked: the records of metrics, and batches of params and tags."""
        steps: list[partial[None]] = [
            partial(self.contents.get_series(key).append, points) for key, points in records.items()
        ]
        if batches:
            steps += (
                partial(self._params.add, params or {}),
                partial(self._batches.extend, batches),
            )
        _run_in_one_step(steps)
        if len(batches) > _MANY_BATCHES or self.contents.count_points() >= _MANY_POINTS:
            self._owner.wait_until_collected()
        if self.must_wake:
            self._owner.wake_for(self)


def _run_in_one_step(steps: Iterable[partial[None]]) -> None:
    """Call several functions that are written in C: all of them or none, even in an interrupt.

    Signal handlers run between two instructions of Python, and the loop is a single one: it is
    written in C, too.
    """
    deque(map(partial.__call__, list(steps)), maxlen=0)
