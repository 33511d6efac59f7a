"""The calls of a client that follow runs live."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import closing

from runstream import entities
from runstream.contract.messages import new_message
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import Unauthenticated, Unavailable
from runstream.transport.connection import Connection
from runstream.v1.watch_service_pb2 import GetPositionRequest, WatchRequest

# Seconds between a break of the connection and the next attempt.
_RETRY_PAUSE = 0.05


class WatchCalls:
    """The part of `TrackingClient` that speaks to WatchService."""

    _connection: Connection

    def get_position(self) -> str:
        """Return the position of the last commit, where a watch can start for the next minute.

        To miss nothing between a read and a watch, take the position, read, and watch from there.
        """
        request = GetPositionRequest()
        return self._connection.call(lambda stubs: stubs.watches.GetPosition, request).position

    def watch(
        self,
        run_ids: Iterable[str] = (),
        experiment_ids: Iterable[str] = (),
        position: str | None = None,
    ) -> Generator[entities.RunChange, None, None]:
        """Watch runs, those named and those of experiments, and yield what is committed to them.

        The watch has started when this returns, and never ends by itself. If the connection breaks,
        it is opened again, with another server if there are several, and the watch goes on where it
        was; a change may then be yielded twice.
        `close` of what is returned ends the watch.

        Args:
            run_ids: runs, up to 1,000.
            experiment_ids: experiments, up to 1,000; with the runs that are created in them later.
            position: where to start; with the next commit, if left out.

        Raises:
            InvalidArgument: neither runs nor experiments are named, or too many, or `position` is
                none.
            NotFound: there is no such run or experiment.
            FailedPrecondition: what follows the position is not kept any more
                (`WATCH_FELL_BEHIND`), because too much was committed since, or the server of an
                SQLite file was started again: take a new position, read, and watch from there.
            Unavailable: the server could not be reached for half a minute.
            Unauthenticated: the token has expired or was revoked, and there is no new one.
        """
        check_not_single_text("run_ids", run_ids)
        check_not_single_text("experiment_ids", experiment_ids)
        request = new_message(
            WatchRequest, run_ids=run_ids, experiment_ids=experiment_ids, position=position or ""
        )
        changes = self._read_changes(request)
        next(changes)
        return changes  # type: ignore[return-value] # the None that starts the watch is taken

    def _read_changes(
        self, request: WatchRequest
    ) -> Generator[entities.RunChange | None, None, None]:
        """Yield None when the watch has started, and then its changes."""
        has_started = False
        while True:
            has_answer = False
            try:
                answers = self._connection.read_stream(
                    lambda stubs: stubs.watches.Watch, request, answer_timeout=None
                )
                with closing(answers) as read:
                    for answer in read:
                        has_answer = True
                        if not has_started:
                            has_started = True
                            yield None
                        last = len(answer.changes) - 1
                        for i, change in enumerate(answer.changes):
                            position = answer.position if i == last else request.position
                            yield entities.RunChange.from_proto(change, position)
                        request.position = answer.position
            except (Unavailable, Unauthenticated):  # there may be a new token by now
                if not has_answer:
                    raise
            time.sleep(_RETRY_PAUSE)
