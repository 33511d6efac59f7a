"""Calls that wait for the server while it is there, and are kept for later while it is away."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from runstream.calls.start_calls import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    FILE_SECONDS,
    StartCalls,
)
from runstream.errors import DeadlineExceeded, ResourceExhausted, RunstreamError, Unavailable
from runstream.outbox.waits import ANSWER_SECONDS as FLUSH_ANSWER_SECONDS
from runstream.rules import MESSAGE_BYTES
from runstream.transport.call_limit import limit_calls, limit_retries
from runstream.transport.connection_problem import REASONS as CANNOT_CONNECT
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")

Answer = TypeVar("Answer")


class BackgroundCalls(StartCalls):
    """The part of `TrackingClient` that uploads files, and says what belongs to them."""

    def _do_or_keep(
        self,
        owner: str,
        do: Callable[[], Answer],
        keep: Callable[[bool], bool],
        synchronous: bool | None = None,
    ) -> Answer | None:
        """Return what a call to the server returns; None if it is kept, to be made later.

        Args:
            owner: the run or the model that it is about.
            do: makes the call.
            keep: keeps it; takes whether to wait for room, and returns whether it is kept.
            synchronous: True to make it now, False to keep it, None to keep it if the server is
                away.

        Raises:
            DeadlineExceeded: the spool has its limit, and had no room for ten minutes.
            RunstreamError: what the server answered, or that it is away and nothing can be kept.
        """
        if self._outbox.is_offline:
            synchronous = None
        self._outbox.raise_refusals(owner)
        if synchronous is False and keep(True):
            return None
        if synchronous is None and self._is_kept_as_away and keep(True):
            self._warn_of_absence()
            return None
        try:
            self._wait_for_earlier(owner)
            return do()
        except (Unavailable, DeadlineExceeded) as error:
            if synchronous or error.reason in CANNOT_CONNECT:
                raise
            if not keep(False):
                raise self._not_kept_error(error) from None
            self._note_absence(error)
        self._warn_of_absence()
        return None

    def _not_kept_error(self, error: RunstreamError) -> RunstreamError:
        """Return the error of a server that is away, with why nothing is kept for it."""
        error.message = (
            f"{self._connection.uri} is away, and what this call logs cannot be kept for it: "
            f"{self._outbox.background.problem}"
        )
        error.args = (error.message,)
        return error

    def _call_or_keep(
        self, owner: str, call: Callable[[], Answer], task: SpoolTask
    ) -> Answer | None:
        """Return the answer of a call about a model; None if the call is kept.

        Raises:
            ResourceExhausted: it is larger than a message may be.
            RunstreamError: as `_do_or_keep`.
        """

        def do() -> Answer:
            with self._limited():
                return call()

        if task.ByteSize() > MESSAGE_BYTES:
            raise ResourceExhausted(
                f"{task.ByteSize()} bytes are more than one message may have, {MESSAGE_BYTES}",
                reason="MESSAGE_TOO_LARGE",
                limit=MESSAGE_BYTES,
            )
        return self._do_or_keep(owner, do, lambda _: self._outbox.background.add_task(owner, task))

    @property
    def _connect_seconds(self) -> float:
        """How long a call tries to reach the server before it is kept."""
        is_file = self._connection.uri.startswith("sqlite:")
        return FILE_SECONDS if is_file else CONNECT_SECONDS

    @contextmanager
    def _limited(self) -> Iterator[None]:
        seconds = self._connect_seconds
        with limit_calls(max(seconds, ANSWER_SECONDS)), limit_retries(seconds):
            yield

    @property
    def _is_kept_as_away(self) -> bool:
        """Whether the server is away, and may come back by itself."""
        return self.is_away and not self._outbox.has_lasting_error

    def _wait_for_earlier(self, owner: str) -> None:
        """Wait until what was said of a run or a model before has reached the server.

        Raises:
            Unavailable: it does not, within the seconds that a start has.
            DeadlineExceeded: files that were kept before are not uploaded.
        """
        if not self._outbox.wait_for_changes(owner):
            raise Unavailable(f"{self._connection.uri} does not answer")
        self._outbox.background.wait(owner, ANSWER_SECONDS, math.inf)

    def _wait_for_models(self, *owners: str) -> None:
        """Wait until what was kept of models is delivered; those of other kinds are passed over.

        Raises:
            DeadlineExceeded: it is not.
        """
        for owner in owners:
            if owner.startswith("m-"):
                self._outbox.background.wait(owner, FLUSH_ANSWER_SECONDS, math.inf)

    def _warn_of_absence(self) -> None:
        background = self._outbox.background
        if self._outbox.is_offline or not background.announce_absence():
            return
        folder = background.folder()
        # Where the stream is broken, the uploader has warned of the outage already.
        is_told = folder is not None and self._outbox.stream_error is not None
        log.log(
            logging.INFO if is_told else logging.WARNING,
            "%s is away: files and models are kept in %s, and delivered when it is back",
            self._connection.uri,
            folder or "a temporary folder, which is lost with this process",
        )
