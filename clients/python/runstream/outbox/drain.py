"""The end of a program, or of a client: waits until all of an outbox is delivered."""

from __future__ import annotations

import math
import time

from runstream.errors import DeadlineExceeded, RunstreamError
from runstream.outbox import waits
from runstream.outbox.deferred_work import DeferredWork
from runstream.outbox.outbox import Outbox

# Seconds that the end of a program waits for deferred work while the server is away. Such work does
# not wait for the server then, but makes files, which are lost if it is not done.
_LOCAL_SECONDS = 30.0

# Seconds without an answer after which the end of a program gives up, if a client was closed before
# in vain: the uploader tries the server once more at once.
_AGAIN_SECONDS = 1.0


def drain(
    outbox: Outbox, answer_timeout: float, limit: float, away_timeout: float = math.inf
) -> RunstreamError | None:
    """Wait until all is answered; return the error if it is not.

    If a call before waited in vain, and the stream is broken since, `answer_timeout` is at
    most `waits.REPEATED_SECONDS`; if the end of a client did, at most a second.

    Args:
        outbox: the outbox.
        answer_timeout: seconds without an answer after which to give up.
        limit: seconds after which to give up.
        away_timeout: seconds after which to give up if the stream is broken and all is on disk.
    """
    start = time.monotonic()
    if outbox.waits.has_drained_in_vain:
        answer_timeout = min(answer_timeout, _AGAIN_SECONDS)
    try:
        for work in (outbox.deferred, outbox.slow):
            _wait_for_all(outbox, work, answer_timeout, limit - (time.monotonic() - start))
    except DeadlineExceeded as error:
        outbox.waits.wait_until_saved()
        return error
    if outbox.waits.has_given_up:
        answer_timeout = min(answer_timeout, waits.REPEATED_SECONDS)
    undelivered = _wait_for_answers(outbox, answer_timeout, limit, away_timeout)
    if undelivered is not None:
        outbox.waits.record_vain_drain()
        return undelivered
    try:
        outbox.background.wait(None, answer_timeout, limit - (time.monotonic() - start))
    except DeadlineExceeded as late:
        return late
    return None


def _wait_for_answers(
    outbox: Outbox, answer_timeout: float, limit: float, away_timeout: float
) -> RunstreamError | None:
    """Wait until all batches are answered; if not, until they are on disk, and return the error."""
    first = min(answer_timeout, away_timeout)
    undelivered = outbox.waits.wait_for_answers(None, first, limit)
    if undelivered is not None:
        outbox.waits.wait_until_saved()
        may_leave = outbox.stream_error is not None and not outbox.unsaved()
        if first < answer_timeout and not may_leave:
            undelivered = outbox.waits.wait_for_answers(None, answer_timeout - first, limit - first)
            outbox.waits.wait_until_saved()
    return undelivered


def _wait_for_all(outbox: Outbox, work: DeferredWork, answer_timeout: float, limit: float) -> None:
    """Wait for deferred work; while the server is away, as long as work without it may take."""
    end = time.monotonic() + limit
    patience = max(answer_timeout, _LOCAL_SECONDS)
    while True:
        left = end - time.monotonic()
        try:
            return work.wait(None, min(patience, left))
        except DeadlineExceeded:
            is_away = outbox.stream_error is not None or not answer_timeout
            if is_away or left <= patience:
                raise
