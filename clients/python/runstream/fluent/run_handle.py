"""ActiveRun: the handle of a run that has not ended."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from runstream.calls.client import TrackingClient
from runstream.contract.metric_numbers import IntegerLike, MetricValue
from runstream.contract.params_and_tags import OnError, Pairs
from runstream.entities import DatasetInput, Run, RunData, RunInfo, RunInputs, RunOutputs
from runstream.entities.notebook_html import properties_table
from runstream.errors import FailedPrecondition, InvalidArgument, NotFound, RunstreamError
from runstream.fluent.destination import client_for_uri
from runstream.process import shutdown
from runstream.process.exit_status import run_status

# Handles of the runs that have not ended, by id; a forked child has those of its parent, too.
_open_handles: dict[str, ActiveRun] = {}


class ActiveRun:
    """A run to log to, made by `runstream.start_run`.

    It is a plain object: any thread may use it, whatever run is active there. As a context manager
    it ends the run as FINISHED, after an exception as FAILED, after an interrupt as KILLED, and
    after `sys.exit` as its status says (R5).

    The methods that log return at once; what they logged is on disk when `flush` or `end` has
    returned. What the server refuses is raised by the next call for the run. While it is open, the
    process that started it sends heartbeats, without which the server declares the run lost.

    It is pickled as the id and the tracking URI of the run: another process can log to the run with
    it, and does not end the run.

    Attributes:
        buffer: the queue of what is logged to it.
        failed_cell: the status that the failure of a notebook's cell gives it, if it was open then.
        is_ended: whether it is no longer active, because a thread has ended it or left its block.
    """

    def __init__(self, client: TrackingClient, info: RunInfo) -> None:
        """Make the handle of an existing run, which ends with the program at the latest."""
        self._attach(client, info, os.getpid())
        shutdown.register_run(self)
        client.start_heartbeats(info.run_id, self)
        _open_handles[info.run_id] = self

    def _attach(self, client: TrackingClient, info: RunInfo, process: int | None) -> None:
        self._client = client
        self._info = info
        self.buffer = client.buffer(info.run_id)
        self._process = process
        self.is_ended = False
        self._is_released = False
        self._status: str | None = None  # of the end of the run, once a caller has chosen it
        self._end_time: int | None = None
        self._at_end: list[Callable[[], None]] = []
        self.failed_cell: str | None = None

    @property
    def client(self) -> TrackingClient:
        """The client of the server on which the run is, for calls that name the run (R7)."""
        return self._client

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._info.run_id

    @property
    def info(self) -> RunInfo:
        """Name, status and times of the run, as they were when it started or ended."""
        return self._info

    @property
    def data(self) -> RunData:
        """Params, latest metrics and tags up to now, read from the server."""
        return self.read().data

    @property
    def inputs(self) -> RunInputs:
        """The datasets that the run has used up to now, read from the server."""
        return self.read().inputs

    @property
    def outputs(self) -> RunOutputs:
        """The models that the run has made up to now, read from the server."""
        return self.read().outputs

    @property
    def tracking_uri(self) -> str:
        """The tracking URI of the server that has the run."""
        return self._client.tracking_uri

    @property
    def is_started_here(self) -> bool:
        """Whether this process started the run, and not its parent; only then it ends the run."""
        return self._process == os.getpid()

    def read(self) -> Run:
        """Return the run with all that was logged to it before."""
        return self._client.get_run(self._info.run_id)

    def to_dictionary(self) -> dict[str, Any]:
        """Return the run as it is now; see `Run.to_dictionary`."""
        return self.read().to_dictionary()

    def log_metric(
        self,
        key: str,
        value: MetricValue,
        step: IntegerLike | None = 0,
        timestamp: IntegerLike | None = None,
    ) -> None:
        """Log one point; see `runstream.log_metric`."""
        self.buffer.log_metric(key, value, step, timestamp)

    def log_metrics(
        self,
        metrics: Mapping[str, MetricValue],
        step: IntegerLike | None = 0,
        timestamp: IntegerLike | None = None,
        on_error: OnError = "raise",
    ) -> None:
        """Log one point of each of several metrics; see `runstream.log_metrics`."""
        self.buffer.log_metrics(metrics, step, timestamp, on_error)

    def log_columns(
        self,
        key: str | Collection[str] | Collection[int],
        value: Collection[MetricValue],
        step: Collection[IntegerLike],
        timestamp: Collection[IntegerLike] | None = None,
        *,
        keys: Sequence[str] | None = None,
    ) -> None:
        """Log many points at once, in columns; see `runstream.log_columns`."""
        self.buffer.log_columns(key, value, step, timestamp, keys)

    def log_param(self, key: str, value: object) -> None:
        """Log one param; see `runstream.log_params`."""
        self.buffer.log_params({key: value})

    def log_params(self, params: Pairs, on_error: OnError = "raise") -> None:
        """Log params; see `runstream.log_params`."""
        self.buffer.log_params(params, on_error)

    def log_config(self, config: object, prefix: str = "") -> str:
        """Log a nested configuration; see `runstream.log_config`."""
        return self._client.log_config(self._info.run_id, config, prefix)

    def set_tag(self, key: str, value: object) -> None:
        """Set one tag; see `runstream.set_tags`."""
        self.buffer.set_tags({key: value})

    def set_tags(self, tags: Pairs, on_error: OnError = "raise") -> None:
        """Set tags; see `runstream.set_tags`."""
        self.buffer.set_tags(tags, on_error)

    def delete_tag(self, key: str) -> None:
        """Delete a tag; see `runstream.delete_tag`."""
        self._client.delete_tag(self._info.run_id, key)

    def log_inputs(self, datasets: Iterable[DatasetInput]) -> None:
        """Record datasets that the run read; see `runstream.log_inputs`."""
        self._client.log_inputs(self._info.run_id, datasets)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was logged to this run is on disk; see `runstream.flush`."""
        self._client.flush_run(self._info.run_id, timeout)

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Call a function when the run ends, before what was logged is waited for.

        The process that started the run calls it, once. It may log to the run, raises nothing, and
        returns within seconds.
        """
        self._at_end.append(function)

    def end(self, status: str = "FINISHED") -> None:
        """Wait until all that was logged is on disk, and end the run; once is enough.

        A process that was forked while the run was active does not end it, it only waits.

        Raises:
            DeadlineExceeded, Unavailable: not all that was logged could be delivered, or the end;
                the run has not ended, and the call can be repeated.
            RunstreamError: the server refused something of what was logged; the run has ended.
        """
        if self._is_released:
            return
        run_id = self._info.run_id
        self._status = status
        self._end_time = self._end_time or time.time_ns() // 1_000_000
        self._call_at_end()
        try:
            self._client.flush_run(run_id, refusals=False)
            if self.is_started_here:
                self._info = self._client.update_run(run_id, status, end_time=self._end_time)
        except InvalidArgument:
            self._status = None
            raise
        except (FailedPrecondition, NotFound):  # it is deleted: no other attempt could do better
            self.release()
            self._client.raise_refusals(run_id)  # they say why, too
            raise
        self.release()
        self._client.raise_refusals(run_id)

    def leave(self, status: str) -> None:
        """Take the run out of the active runs, to be ended later, as of now and with this status.

        `end_at_exit` does it, which the end of the program calls if nobody else does.
        """
        self._status = status
        self._end_time = time.time_ns() // 1_000_000
        self.is_ended = True

    def end_at_exit(self, status: str) -> None:
        """End the run with the program, by the status of an earlier `end` that failed."""
        self.end(self._status or status)

    def release(self) -> None:
        """Stop the heartbeats and forget the run: this process does not end it any more."""
        self.is_ended = True
        self._call_at_end()
        self._client.stop_heartbeats(self._info.run_id, self)
        if _open_handles.get(self._info.run_id) is self:
            del _open_handles[self._info.run_id]
        if self.is_started_here:
            shutdown.unregister_run(self)
        self._is_released = (
            True  # last, so that an end that is interrupted before is repeated whole
        )

    def _call_at_end(self) -> None:
        while self._at_end and self.is_started_here:
            self._at_end.pop()()

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.end(run_status(error))
        except RunstreamError as failure:
            if error is None:
                raise
            # Callers of the block expect the error of the block.
            warnings.warn(str(failure), RuntimeWarning, stacklevel=2)
        finally:
            self.is_ended = True  # if the end is not on disk, the end of the program tries again

    def _repr_html_(self) -> str:
        """Return the run as a table for a notebook, as it was when it started or ended."""
        return properties_table(f"Run {self._info.run_name}", self._info.properties())

    def __repr__(self) -> str:
        return f"ActiveRun({self._info.run_id!r}, name={self._info.run_name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self.tracking_uri, self._info)


def open_run(run_id: str) -> ActiveRun | None:
    """Return the run of this id if this process started it and did not end it."""
    return _open_handles.get(run_id)


def open_runs() -> list[ActiveRun]:
    """Return the runs that were started in this process, or before it was forked, and not ended."""
    return list(_open_handles.values())


def _unpickle(uri: str, info: RunInfo) -> ActiveRun:
    run = ActiveRun.__new__(ActiveRun)
    run._attach(client_for_uri(uri), info, None)
    return run
