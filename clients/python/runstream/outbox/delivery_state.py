"""The state of the delivery: whether batches can reach the server."""

from __future__ import annotations

import time
from collections.abc import Callable

from runstream.errors import RunstreamError
from runstream.outbox.batch import Backlog
from runstream.outbox.delivery_errors import uploader_failed_error


class DeliveryState:
    """The errors of the stream and of the uploader, if there are any.

    Any thread may read the attributes. The uploader's thread sets them; at the end of a program,
    where that thread cannot be started, so does the one that tried to start it. No lock is needed:
    each attribute is written in one step, and no two of them have to agree.

    Attributes:
        stream_error: why the stream broke, if it does not work.
        lasting_error: the same, if waiting cannot help, so that calls that wait raise it.
        broken_since: when it broke first, by `time.monotonic`.
        failure: the error by which the uploader's thread ended, after which nothing is sent.
    """

    def __init__(self) -> None:
        self.stream_error: RunstreamError | None = None
        self.lasting_error: RunstreamError | None = None
        self.failure: BaseException | None = None
        self.broken_since: float | None = None

    def set_stream_error(self, error: RunstreamError | None, is_lasting: bool) -> None:
        """Record why the stream broke; None when it works again."""
        if error is None:
            self.broken_since = None
        elif self.broken_since is None:
            self.broken_since = time.monotonic()
        self.stream_error = error
        self.lasting_error = error if is_lasting else None

    def set_failure(self, cause: BaseException) -> None:
        """Record that the uploader's thread ended by an error."""
        self.failure = cause

    def describe_break(self) -> str:
        """Return that the server is away, and for how long, as the end of an error's text."""
        error, since = self.stream_error, self.broken_since
        if error is None or since is None:
            return ""
        return f" (the server is away for {time.monotonic() - since:.0f} s: {error})"

    def raise_failure(self, backlog: Callable[[], dict[str, Backlog]]) -> None:
        """Raise an error if the uploader's thread failed.

        Args:
            backlog: returns how much has no answer, by run.

        Raises:
            Internal: it did.
        """
        cause = self.failure
        if cause is not None:
            raise uploader_failed_error(cause, sum(backlog().values(), Backlog())) from cause
