"""What the answers of a stream do to an outbox."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from runstream.errors import RunstreamError
from runstream.outbox.batch import Batch
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_errors import RUN_NOT_FOUND, batch_error
from runstream.outbox.kept_refusals import KeptRefusals
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.refusals import Refusals
from runstream.outbox.started_runs import StartedRuns
from runstream.outbox.stream_window import StreamWindow
from runstream.outbox.wait_list import WaitList
from runstream.v1 import run_pb2

log = logging.getLogger("runstream")

# Runs that the server does not know, of which it is known that it was asked twice.
_MAX_UNKNOWN_RUNS = 10_000


class Answers:
    """Takes the answers of a stream: drops what is answered, and tells calls of what is refused.

    The thread of a stream alone calls the methods; there is one stream at a time.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        window: StreamWindow,
        collector: Collector,
        refusals: Refusals,
        kept_refusals: KeptRefusals,
        started_runs: StartedRuns,
        wait_list: WaitList,
        seek_start: Callable[[str], bool],
    ) -> None:
        """Begin before the first answer.

        Args:
            batches: those without an answer.
            window: what of them is on the stream.
            collector: has the buffers of the runs.
            refusals: takes what the server refuses.
            kept_refusals: keeps it on disk.
            started_runs: takes the runs that answers tell of.
            wait_list: the calls that wait.
            seek_start: sends the start of a run if it waits somewhere; returns False if nobody
                looks for starts.
        """
        self._batches = batches
        self._window = window
        self._collector = collector
        self._refusals = refusals
        self._kept_refusals = kept_refusals
        self._started_runs = started_runs
        self._wait_list = wait_list
        self._seek_start = seek_start
        self._unknown_runs: set[str] = set()  # those that were refused once

    def must_send_again(
        self,
        stream: int,
        answered: int,
        refusal: RunstreamError,
        runs: Iterable[run_pb2.RunInfo] = (),
    ) -> bool:
        """Return whether the last batch of an answer, and what follows it, is to be sent again.

        It is, once, where the server does not know its run: the process that started the run may
        not have reached the server yet. If the start waits in its folder, it is sent first. What
        comes before the batch is answered by this call.

        Args:
            stream: as for `record`.
            answered: as for `record`.
            refusal: as for `record`.
            runs: as for `record`.

        Raises:
            RunstreamError: the server cannot be reached any more.
        """
        if refusal.reason != RUN_NOT_FOUND:
            return False
        request = self._window.find_last(stream, answered)
        if not isinstance(request, Batch) or request.run_id in self._unknown_runs:
            return False
        if not self._seek_start(request.run_id):
            return False
        if len(self._unknown_runs) >= _MAX_UNKNOWN_RUNS:
            self._unknown_runs.clear()
        self._unknown_runs.add(request.run_id)
        with self._batches.lock:
            if self._window.has_unanswered_before(stream, answered):
                self.record(stream, answered - 1, None, runs)
        return True

    def record(
        self,
        stream: int,
        answered: int,
        refusal: RunstreamError | None,
        runs: Iterable[run_pb2.RunInfo] = (),
    ) -> None:
        """Record an answer: batches of this stream are on disk, the last maybe refused.

        Args:
            stream: number of the stream.
            answered: how many of its requests are answered.
            refusal: why the last of them was refused.
            runs: the runs that these requests started or changed, as they are now.

        Raises:
            Internal: the answer covers what was not sent.
        """
        with self._batches.lock:
            if refusal is not None:  # before the cursor moves behind it
                self._keep_refused(self._window.find_last(stream, answered), refusal)
            request = self._window.answer(stream, answered)
            if request is None:
                return
            self._started_runs.add(runs)
            if refusal is not None and isinstance(request, Batch):
                self._collector.drop_params(request)
                error = batch_error(request, refusal)
                is_first = not self._refusals.has(request.run_id, error.reason)
                self._refusals.add(request.run_id, error)
                self._collector.close_buffer(request.run_id)
                if is_first and self._collector.has_ended(request.run_id):
                    log.error("%s", error)  # no call for the run will raise it
            self._wait_list.end_answered()

    def _keep_refused(self, request: Batch | str | None, refusal: RunstreamError) -> None:
        if isinstance(request, Batch) and not self._wait_list.is_awaited(request):
            self._kept_refusals.keep(request.run_id, refusal, request.message)
