"""ActiveRun: the handle of a run that has not ended."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice, to_run_status, update_batch
from runstream.entities.notebook_html import properties_table
from runstream.errors import RunstreamError
from runstream.fluent.destination import client_for_uri
from runstream.fluent.run_logging import RunLogging
from runstream.process import shutdown
from runstream.process.exit_status import run_status
from runstream.v1.logging_service_pb2 import LogBatchRequest

# Handles of the runs that have not ended, by id; a forked child has those of its parent, too.
_open_handles: dict[str, ActiveRun] = {}


class ActiveRun(RunLogging):
    """A run to log to, made by `runstream.start_run`.

    It is a plain object: any thread may use it, whatever run is active there. As a context manager
    it ends the run as FINISHED, after an exception as FAILED, after an interrupt as KILLED, and
    after `sys.exit` as its status says (R5).

    The methods that log, and the end of the run, return at once; the server has what they said when
    `flush` has returned. What the server refuses is raised by the next call for the run. While it
    is open, the process that started it sends heartbeats, without which the server declares the run
    lost.

    It is pickled as the id and the tracking URI of the run: another process can log to the run with
    it, and does not end the run.

    Attributes:
        buffer: the queue of what is logged to it.
        failed_cell: the status that the failure of a notebook's cell gives it, if it was open then.
        is_ended: whether it is no longer active, because a thread has ended it or left its block.
    """

    def __init__(
        self, client: TrackingClient, info: entities.RunInfo, start: LogBatchRequest | None = None
    ) -> None:
        """Make the handle of a run.

        Args:
            client: the client of its server.
            info: what is known of it.
            start: the batch by which it starts, for `start`.
        """
        self._attach(client, info, start, os.getpid())

    def _attach(
        self,
        client: TrackingClient,
        info: entities.RunInfo,
        start: LogBatchRequest | None,
        process: int | None,
    ) -> None:
        self._client = client
        self._info = info
        self._start = start  # until the server has answered it
        self._is_started = start is None
        self.buffer = client.buffer(info.run_id)
        self._process = process
        self.is_ended = False
        self._is_released = False
        self._status: str | None = None  # of the end of the run, once a caller has chosen it
        self._end_time: int | None = None
        self._at_end: list[Callable[[], None]] = []
        self.failed_cell: str | None = None

    def start(self) -> None:
        """Start the run, which ends with the program at the latest.

        It waits for the answer of the server while that is reachable. After an error or an
        interrupt, `abort` is to be called.

        Raises:
            RunstreamError: the server refuses it.
        """
        run_id = self._info.run_id
        shutdown.register_run(self)
        _open_handles[run_id] = self
        start = self._start
        if start is not None:
            self.buffer.queue_batch(start)
        if start is None or start.start.heartbeat or start.update.heartbeat:
            self._client.start_heartbeats(run_id, self)
        answer = self._client.wait_for_start(run_id)
        self._is_started = True
        if answer is not None:
            self._info, self._start = answer, None

    def abort(self, error: BaseException) -> None:
        """Leave no run RUNNING after `start` or what follows it raised this error (R9).

        The start is queued again, because nobody knows whether it was: that changes nothing. If
        this is interrupted, too, the end of the program does it.
        """
        run_id = self._info.run_id
        if not isinstance(error, RunstreamError) or self._client.has_undelivered(run_id):
            status = run_status(error)
            self._status, self._end_time = status, self._end_time or _now()
            with suppress(RunstreamError):  # what is raised is the error of the caller
                self._queue_end(status)
        self.release()

    @property
    def client(self) -> TrackingClient:
        """The client of the server on which the run is, for calls that name the run (R7)."""
        return self._client

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._info.run_id

    @property
    def info(self) -> entities.RunInfo:
        """Name, status and times of the run, as they were when it started or ended.

        If the server was away then, they are as this process made them: without the URI of the
        artifacts, and without the id of an experiment that was named.
        """
        self._take_answer()
        return self._info

    @property
    def is_confirmed(self) -> bool:
        """Whether the server has answered the start of the run."""
        return self.unanswered_start is None

    @property
    def unanswered_start(self) -> LogBatchRequest | None:
        """The batch by which the run starts, if the server has not answered it."""
        self._take_answer()
        return self._start

    @property
    def experiment(self) -> ExperimentChoice:
        """The experiment of the run, by its id or, if the server has not said that, by its name."""
        start = self.unanswered_start
        if start is not None and start.start.experiment_name:
            return ExperimentChoice(name=start.start.experiment_name)
        return ExperimentChoice(self._info.experiment_id)

    def _take_answer(self) -> None:
        """Take what the server has answered to the start since."""
        if self._start is None:
            return
        answer = self._client.find_started(self._info.run_id)
        if answer is not None:
            status, end_time = self._info.status, self._info.end_time
            self._info = replace(answer, status=status, end_time=end_time)
            self._start = None

    @property
    def data(self) -> entities.RunData:
        """Params, latest metrics and tags up to now, read from the server."""
        return self.read().data

    @property
    def inputs(self) -> entities.RunInputs:
        """The datasets that the run has used up to now, read from the server."""
        return self.read().inputs

    @property
    def outputs(self) -> entities.RunOutputs:
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

    @property
    def is_created_here(self) -> bool:
        """Whether this process created the run, so that nothing was logged to it before."""
        return self.is_started_here and self._client.buffer(self.run_id).is_created_here

    def read(self) -> entities.Run:
        """Return the run with all that was logged to it before."""
        return self._client.get_run(self._info.run_id)

    def to_dictionary(self) -> dict[str, Any]:
        """Return the run as it is now; see `Run.to_dictionary`."""
        return self.read().to_dictionary()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was logged to this run is on disk; see `runstream.flush`."""
        self._client.flush_run(self._info.run_id, timeout)

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Call a function when the run ends, before its end is queued.

        The process that started the run calls it, once. It may log to the run, raises nothing, and
        returns within seconds.
        """
        self._at_end.append(function)

    def end(self, status: str = "FINISHED") -> None:
        """End the run; once is enough.

        Returns at once: the end is queued after all that was logged, and delivered as that is. In a
        process that was forked while the run was active, this does not end it. A child of
        multiprocessing, which a pool may kill at any moment, waits for the answer of a server that
        is reachable, and else until all is on the disk of this machine.

        Raises:
            RunstreamError: the server refused something of what was logged, as far as that is known
                by now; the run has ended. What it refuses later, `flush` raises.
            DeadlineExceeded: there is no room for it; the run has not ended, and the call can be
                repeated.
        """
        if self._is_released:
            return
        to_run_status(status)
        self._status = status
        self._end_time = self._end_time or _now()
        self._call_at_end()
        if self.is_started_here:
            self._queue_end(status)
            self._info = replace(self.info, status=status, end_time=self._end_time)
        self.release()
        if self.is_started_here and shutdown.is_in_child_of_multiprocessing():
            # A pool ends its workers by a signal as soon as their functions have returned.
            self._client.wait_while_reachable(self._info.run_id)
        self._client.raise_refusals(self._info.run_id)

    def _queue_end(self, status: str) -> None:
        if self._start is not None and not self._is_started:
            self.buffer.queue_batch(self._start)
        self.buffer.queue_update(update_batch(self._info.run_id, status, self._end_time))

    def leave(self, status: str) -> None:
        """Take the run out of the active runs, to be ended later, as of now and with this status.

        `end_at_exit` does it, which the end of the program calls if nobody else does.
        """
        self._status = status
        self._end_time = _now()
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
            self.is_ended = True  # if there was no room for it, the end of the program tries again

    def show(self, height: int = 600) -> entities.RunFrame:
        """Return the page of the run in the web interface, as a frame that a notebook shows.

        The server decides by `--frame-ancestors` whose pages may have such frames: those of
        notebooks on `localhost`, unless it was told otherwise. Its text is the address.

        Args:
            height: of the frame, in pixels.

        Raises:
            Unavailable, DeadlineExceeded: the server is away.
        """
        uri = self.client.interface_uri(self._info.run_id, self._info.experiment_id)
        return entities.RunFrame(self._info.run_name, uri, height)

    def _repr_html_(self) -> str:
        """Return the run as a table for a notebook, as it was when it started or ended."""
        return properties_table(f"Run {self._info.run_name}", self._info.properties())

    def __repr__(self) -> str:
        return f"ActiveRun({self._info.run_id!r}, name={self._info.run_name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        start = self.unanswered_start
        message = b"" if start is None else start.SerializeToString()
        return _unpickle, (self.tracking_uri, self._info, message)


def open_run(run_id: str) -> ActiveRun | None:
    """Return the run of this id if this process started it and did not end it."""
    return _open_handles.get(run_id)


def open_runs() -> list[ActiveRun]:
    """Return the runs that were started in this process, or before it was forked, and not ended."""
    return list(_open_handles.values())


def _unpickle(uri: str, info: entities.RunInfo, start: bytes = b"") -> ActiveRun:
    run = ActiveRun.__new__(ActiveRun)
    batch = LogBatchRequest.FromString(start) if start else None
    run._attach(client_for_uri(uri), info, batch, None)
    if batch is not None:  # what is logged here may reach the server before the start does
        run.buffer.queue_first(batch)
    return run


def _after_fork_in_child() -> None:
    for run in open_runs():
        start = run.unanswered_start
        if start is not None:  # what is logged here may reach the server before the start does
            run.buffer.queue_first(start)


os.register_at_fork(after_in_child=_after_fork_in_child)


def _now() -> int:
    return time.time_ns() // 1_000_000
