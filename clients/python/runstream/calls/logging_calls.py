"""The calls of a client that log points, params and tags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from runstream import entities
from runstream.calls.metric_points import to_point
from runstream.calls.run_operations import RunOperations
from runstream.contract.messages import new_message
from runstream.contract.metric_numbers import IntegerLike, MetricValue
from runstream.contract.params_and_tags import OnError, Pairs, to_texts
from runstream.outbox.buffer import RunBuffer
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1 import logging_service_pb2 as logs
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import Param, RunTag

Setting = TypeVar("Setting")


class LoggingCalls:
    """The part of `TrackingClient` that speaks to LoggingService.

    All methods but `log` queue; the uploader of the outbox sends what they queued.
    """

    _connection: Connection
    _outbox: Outbox

    # Logging, queued

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: MetricValue,
        timestamp: IntegerLike | None = None,
        step: IntegerLike | None = 0,
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Queue one point; see `runstream.log_metric`."""
        self.buffer(run_id).log_metric(key, value, step, timestamp)
        return None if synchronous is None else self._operations(run_id, synchronous)

    def log_metrics(
        self,
        run_id: str,
        metrics: Mapping[str, MetricValue],
        step: IntegerLike | None = 0,
        timestamp: IntegerLike | None = None,
        synchronous: bool | None = None,
        on_error: OnError = "raise",
    ) -> RunOperations | None:
        """Queue one point of each of several metrics; see `runstream.log_metrics`."""
        self.buffer(run_id).log_metrics(metrics, step, timestamp, on_error)
        return self._operations(run_id, synchronous)

    def log_param(
        self, run_id: str, key: str, value: Setting, synchronous: bool | None = None
    ) -> Setting:
        """Queue one param and return its value; see `runstream.log_params`."""
        self.log_params(run_id, {key: value}, synchronous)
        return value

    def log_params(
        self,
        run_id: str,
        params: Pairs,
        synchronous: bool | None = None,
        on_error: OnError = "raise",
    ) -> RunOperations | None:
        """Queue params; see `runstream.log_params`."""
        self.buffer(run_id).log_params(params, on_error)
        return self._operations(run_id, synchronous)

    def set_tag(
        self, run_id: str, key: str, value: object, synchronous: bool | None = None
    ) -> RunOperations | None:
        """Queue one tag; see `runstream.set_tags`."""
        return self.set_tags(run_id, {key: value}, synchronous)

    def set_tags(
        self,
        run_id: str,
        tags: Pairs,
        synchronous: bool | None = None,
        on_error: OnError = "raise",
    ) -> RunOperations | None:
        """Queue tags; see `runstream.set_tags`."""
        self.buffer(run_id).set_tags(tags, on_error)
        return self._operations(run_id, synchronous)

    def alert(
        self,
        run_id: str,
        title: str,
        text: str = "",
        level: object = "INFO",
        wait_duration: float | timedelta = 60,
    ) -> None:
        """Queue an alert; see `runstream.alert`."""
        self.buffer(run_id).alert(title, text, level, wait_duration)

    def log_batch(
        self,
        run_id: str,
        metrics: Iterable[entities.Metric | tuple[str, float, int, int]] = (),
        params: Pairs = (),
        tags: Pairs = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Queue any number of points, params and tags (M7).

        All is checked before anything is queued. The params, the tags and the points are refused
        by the server independently of each other; use `log` for a batch that is one.

        Args:
            run_id: the run.
            metrics: points as (key, value, timestamp, step).
            params: params, a mapping or pairs (P1).
            tags: tags, a mapping or pairs (P3).
            synchronous: whether to wait until they are on disk; see `runstream.log_metric`.

        Raises:
            InvalidArgument: a key, value, step or timestamp breaks its rule.
        """
        self.buffer(run_id).log_batch(metrics, params, tags)
        return self._operations(run_id, synchronous)

    def log_columns(
        self,
        run_id: str,
        key: str | Collection[str] | Collection[int],
        value: Collection[MetricValue],
        step: Collection[IntegerLike],
        timestamp: Collection[IntegerLike] | None = None,
        *,
        keys: Sequence[str] | None = None,
    ) -> None:
        """Queue many points at once, in columns.

        Made for points that are there already, such as the histories of another tool, or of all
        steps of an epoch: 50,000 points a call, or more, cost no Python object each, and a few
        million points a second are logged. For points that come one by one use `log_metric`.

        Args:
            run_id: the run.
            key: the metric of all points; or the metric of each point; or, with `keys`, the index
                into `keys` of each point, which is faster than names.
            value: values (M3).
            step: training steps (M2).
            timestamp: milliseconds since the epoch; now, if left out, as for `log_metric` (M5).
            keys: the distinct metrics, if `key` has indices.

        The columns are lists or arrays of one dimension and of the same length.

        Raises:
            InvalidArgument: an argument is no such column, an index is outside of `keys`, an array
                has masked elements, or a key, value, step or timestamp breaks its rule. Nothing is
                queued then.
        """
        self.buffer(run_id).log_columns(key, value, step, timestamp, keys)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was logged before, to any run, is on disk.

        Args:
            timeout: seconds to wait. If left out, it waits as long as answers come, for any one of
                them up to a minute, and for ten minutes in all.

        Raises:
            DeadlineExceeded: the time is over; it says how many points, params and tags have no
                answer, and they stay queued.
            RunstreamError: the server refused something of what was logged.
        """
        self._outbox.flush(timeout=timeout, with_files=True)

    def flush_run(
        self,
        run_id: str,
        timeout: float | None = None,
        *,
        refusals: bool = True,
        with_files: bool = True,
    ) -> None:
        """Wait until all that was logged before to one run is on disk; else as `flush`.

        Args:
            run_id: the run.
            timeout: seconds to wait.
            refusals: whether to raise what the server refused; `raise_refusals` does it otherwise.
            with_files: whether to wait for files that are uploaded in the background, too.
        """
        self._outbox.flush(run_id, timeout, refusals=refusals, with_files=with_files)

    def raise_refusals(self, run_id: str) -> None:
        """Raise what the server refused of a run's data, unless it was raised before."""
        self._outbox.raise_refusals(run_id)

    def buffer(self, run_id: str) -> RunBuffer:
        """Return the queue of a run, for many calls in a row."""
        return self._outbox.buffer(run_id)

    def defer(
        self, owners: Collection[str], function: Callable[[], object], *, slow: bool = False
    ) -> None:
        """Do something for runs or models later, on a thread that does one thing after the other.

        Whoever reads or ends one of them waits for it first, and so does the end of the program.

        Args:
            owners: ids of the runs and models.
            function: what to do; it must not raise.
            slow: whether it makes artifacts and takes long. Such functions have a thread of their
                own, and only reads of artifacts and the end of the program wait for them.

        Raises:
            DeadlineExceeded: a thousand such functions wait, for ten minutes.
        """
        work = self._outbox.slow if slow else self._outbox.deferred
        work.defer(owners, function)

    def start_heartbeats(self, run_id: str, owner: object) -> None:
        """Send heartbeats of a run, the first one now, until every owner has stopped them."""
        self._outbox.start_heartbeats(run_id, owner)

    def stop_heartbeats(self, run_id: str, owner: object) -> None:
        """Send no more heartbeats of a run for an owner who started them."""
        self._outbox.stop_heartbeats(run_id, owner)

    def _operations(self, run_id: str, synchronous: bool | None) -> RunOperations | None:
        if synchronous:
            self.flush_run(run_id, with_files=False)
        return (
            RunOperations(partial(self.flush_run, run_id, with_files=False))
            if synchronous is False
            else None
        )

    # Logging, durable on return

    def log(
        self,
        run_id: str,
        metrics: Iterable[entities.Metric | tuple[str, float, int, int]] = (),
        params: Pairs = (),
        tags: Pairs = (),
    ) -> None:
        """Log one batch, all or nothing, and return when it is on disk (P5).

        Args:
            run_id: the run.
            metrics: points as (key, value, timestamp, step).
            params: params, a mapping or pairs.
            tags: tags, a mapping or pairs.

        Raises:
            InvalidArgument: something breaks its rule, or a param has another value already.
            NotFound: there is no such run.
            FailedPrecondition: the run is deleted.
            ResourceExhausted: the batch is over 4 MiB; `log_batch` has no limit.
        """
        self.flush_run(run_id, with_files=False)
        request = new_message(
            logs.LogRequest,
            run_id=run_id,
            table=_to_metric_table(metrics),
            params=[Param(key=k, value=v) for k, v in to_texts("params", params).items()],
            tags=[RunTag(key=k, value=v) for k, v in to_texts("tags", tags).items()],
        )
        self._connection.call(lambda stubs: stubs.logs.Log, request)


def _to_metric_table(
    metrics: Iterable[entities.Metric | tuple[str, float, int, int]],
) -> MetricTable:
    by_key: dict[str, list[entities.Metric]] = {}
    for row in metrics:
        point = to_point(*row)
        by_key.setdefault(point.key, []).append(point)
    points = [point for same_key in by_key.values() for point in same_key]
    return MetricTable(
        keys=by_key,
        counts=map(len, by_key.values()),
        step=[point.step for point in points],
        timestamp=[point.timestamp for point in points],
        value=[point.value for point in points],
    )
