"""TrackingClient: every RPC as a method, with explicit run ids.

What is here is logging; the rest of it is in `experiment_calls`, `run_calls`, `search_calls`,
`history_calls`, `watch_calls`, `artifact_calls`, `content_calls`, `table_calls`,
`model_calls`, `purge_calls` and `server_calls`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from runstream import rules
from runstream.calls.experiment_calls import ExperimentCalls
from runstream.calls.logged_model_calls import LoggedModelCalls
from runstream.calls.maintenance_calls import MaintenanceCalls
from runstream.calls.metric_calls import MetricCalls
from runstream.calls.run_operations import RunOperations
from runstream.calls.server_calls import ServerCalls
from runstream.calls.sessions import open_session, release_session
from runstream.calls.table_calls import TableCalls
from runstream.calls.watch_calls import WatchCalls
from runstream.contract.messages import new_message
from runstream.contract.metric_numbers import IntegerLike, MetricValue, to_float, to_integer
from runstream.contract.params_and_tags import OnError, Pairs, to_texts
from runstream.entities import Metric
from runstream.outbox.buffer import RunBuffer
from runstream.v1 import logging_service_pb2 as logs
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import Param, RunTag

Setting = TypeVar("Setting")


class TrackingClient(
    ExperimentCalls,
    TableCalls,
    MetricCalls,
    LoggedModelCalls,
    WatchCalls,
    MaintenanceCalls,
    ServerCalls,
):
    """A client for services, tools and programs that log many runs at once.

    It is safe to use from any number of threads, and after a fork; it is pickled as its tracking
    URI. All clients of a process for one tracking URI share one connection and one stream.

    `log_metric`, `log_metrics`, `log_batch`, `log_columns`, `log_param`, `log_params`, `set_tag`
    and `set_tags` queue and return at once; what they queued is on disk when `flush` has returned,
    or a call that reads or ends the same run. What the server refuses is raised by the next call
    for the run. Every other method is one RPC, and durable when it has returned; they raise
    `Unavailable` if the server cannot be reached for half a minute, and `DeadlineExceeded`.

    Args:
        tracking_uri: where to log, in a form of `runstream.transport.tracking_uri`;
            RUNSTREAM_TRACKING_URI or else the file `runstream.db` in the current directory, if left
            out.
    """

    def __init__(self, tracking_uri: str | os.PathLike[str] | None = None) -> None:
        self._session = open_session(tracking_uri)
        self._connection = self._session.connection
        self._outbox = self._session.outbox
        self._closed = False

    @property
    def tracking_uri(self) -> str:
        """The tracking URI, with its path absolute."""
        return self._session.uri

    def close(self) -> None:
        """Wait until all that was logged is on disk, and let go of the connection.

        A closed client that is used again opens the connection again.

        Raises:
            RunstreamError: the server refused something of what was logged.
        """
        try:
            self.flush()
        finally:
            if not self._closed:
                self._closed = True
                release_session(self._session)

    def __reduce__(self) -> tuple[Any, ...]:
        return TrackingClient, (self.tracking_uri,)

    def __enter__(self) -> TrackingClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

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

    def log_batch(
        self,
        run_id: str,
        metrics: Iterable[Metric | tuple[str, float, int, int]] = (),
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
        keys: Sequence[str],
        key: Collection[int],
        step: Collection[int],
        timestamp: Collection[int],
        value: Collection[float],
    ) -> None:
        """Queue any number of points in columns: (keys[key[i]], step[i], timestamp[i], value[i]).

        The columns may be lists or NumPy arrays.

        Raises:
            InvalidArgument: the columns differ in length, an index is outside of `keys`, or a key,
                value, step or timestamp breaks its rule.
        """
        self.buffer(run_id).log_columns(keys, key, step, timestamp, value)

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
        self._outbox.flush(timeout=timeout)

    def flush_run(
        self, run_id: str, timeout: float | None = None, *, refusals: bool = True
    ) -> None:
        """Wait until all that was logged before to one run is on disk; else as `flush`.

        Args:
            run_id: the run.
            timeout: seconds to wait.
            refusals: whether to raise what the server refused; `raise_refusals` does it otherwise.
        """
        self._outbox.flush(run_id, timeout, refusals=refusals)

    def raise_refusals(self, run_id: str) -> None:
        """Raise what the server refused of what was logged to a run, if nobody was told yet."""
        self._outbox.raise_refusals(run_id)

    def buffer(self, run_id: str) -> RunBuffer:
        """Return the queue of a run, for many calls in a row."""
        return self._outbox.buffer(run_id)

    def start_heartbeats(self, run_id: str, owner: object) -> None:
        """Send heartbeats of a run, the first one now, until every owner has stopped them."""
        self._outbox.start_heartbeats(run_id, owner)

    def stop_heartbeats(self, run_id: str, owner: object) -> None:
        """Send no more heartbeats of a run for an owner who started them."""
        self._outbox.stop_heartbeats(run_id, owner)

    def _operations(self, run_id: str, synchronous: bool | None) -> RunOperations | None:
        if synchronous:
            self.flush_run(run_id)
        return RunOperations(partial(self.flush_run, run_id)) if synchronous is False else None

    # Logging, durable on return

    def log(
        self,
        run_id: str,
        metrics: Iterable[Metric | tuple[str, float, int, int]] = (),
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
        self.flush_run(run_id)
        request = new_message(
            logs.LogRequest,
            run_id=run_id,
            table=_to_metric_table(metrics),
            params=[Param(key=k, value=v) for k, v in to_texts("params", params).items()],
            tags=[RunTag(key=k, value=v) for k, v in to_texts("tags", tags).items()],
        )
        self._connection.call(lambda to: to.logs.Log, request)


def _to_metric_table(metrics: Iterable[Metric | tuple[str, float, int, int]]) -> MetricTable:
    table = MetricTable()
    index: dict[str, int] = {}
    for key, value, timestamp, step in metrics:
        if key not in index:
            rules.check_key("key", key)
            index[key] = len(index)
            table.keys.append(key)
        number = to_integer(key, "step", 0 if step is None else step)
        rules.check_step("step", number)
        now = time.time_ns() // 1_000_000
        milliseconds = to_integer(key, "timestamp", now if timestamp is None else timestamp)
        rules.check_timestamp("timestamp", milliseconds)
        table.key.append(index[key])
        table.step.append(number)
        table.timestamp.append(milliseconds)
        table.value.append(to_float(key, value))
    return table
