"""The delivery of the batches of one folder."""

from __future__ import annotations

import logging
import time
from functools import partial

from runstream.contract.wire_counts import count_points
from runstream.errors import RunstreamError, Unauthenticated
from runstream.outbox.delivery_errors import RUN_NOT_FOUND
from runstream.spool.log_reader import LogReader
from runstream.spool.refused_log import to_batch_error
from runstream.syncing.batch_stream import Answered, BatchStream
from runstream.syncing.delivery_context import DeliveryContext
from runstream.syncing.delivery_errors import is_lasting
from runstream.transport.status import error_of_batch

log = logging.getLogger("runstream")

#: Seconds without any answer after which the delivery of a folder gives up.
AWAY_SECONDS = 30.0

# Seconds without any answer after which whoever waits for the delivery is told.
_SILENT_SECONDS = 2.0

# Seconds of the first and of the longest pause before the next stream.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

# Reason of the error by which a server ends a stream for a message that it cannot read.
_MALFORMED = "MESSAGE_MALFORMED"


class BatchDelivery:
    """Sends the batches of a folder; one thread uses it, with those of a stream at a time."""

    def __init__(self, context: DeliveryContext) -> None:
        self._lease = context.lease
        self._session = context.session
        self._result = context.result
        self._set_aside = context.set_aside
        self._missing = context.missing
        self._must_stop = context.must_stop
        self._pace = context.pace
        self._is_one_by_one = False
        self._is_told_away = False

    def deliver(self) -> None:
        """Send batches until none is left, or it must stop.

        Raises:
            RunstreamError: the server does not take them.
            OSError: a file cannot be read or written.
        """
        away_since: float | None = None
        pause = _FIRST_PAUSE
        while self._lease.has_bytes("batches"):
            stream = self._open_stream()
            stream.run(self._must_stop)
            if stream.error is None:
                self._lease.move("batches", stream.end)
                return
            error, now = stream.error, time.monotonic()
            if self._refuse_malformed(stream, error):
                continue
            if error.reason == RUN_NOT_FOUND:
                if not self._missing.send_for(error):
                    raise error
                continue
            if stream.has_answered:
                away_since, pause = now, _FIRST_PAUSE
            else:
                error = self._session.connection.explain(error)
            away_since = now if away_since is None else away_since
            if self._must_stop():
                return
            # Where the token of a stream has expired, there may be a new one already.
            is_over = stream.has_answered and isinstance(error, Unauthenticated)
            if (is_lasting(error) and not is_over) or now - away_since > AWAY_SECONDS:
                raise error
            self._tell_away(error, now - away_since)
            time.sleep(max(pause, error.retry_delay))
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _tell_away(self, error: RunstreamError, seconds: float) -> None:
        """Warn that this takes a while, once; nobody waits for a delivery with a pace."""
        if self._pace is None and not self._is_told_away and seconds > _SILENT_SECONDS:
            self._is_told_away = True
            log.warning(
                "%s takes nothing (%s); it is tried for %g s",
                self._result.tracking_uri,
                error,
                AWAY_SECONDS,
            )

    def _open_stream(self) -> BatchStream:
        keep_damage = partial(self._set_aside.keep_damage, "batches")
        return BatchStream(
            self._session,
            LogReader(self._lease.folder.batches, self._lease.places["batches"], keep_damage),
            self._result.is_live,
            self._record_answer,
            self._pace,
            is_one_by_one=self._is_one_by_one,
        )

    def _refuse_malformed(self, stream: BatchStream, error: RunstreamError) -> bool:
        """Set aside the batch for which a server ended a stream; return whether to go on.

        Such an error does not say which batch it is about. So if there are several without an
        answer, they are sent again, one by one.
        """
        if error.reason != _MALFORMED or (self._is_one_by_one and not stream.sole_unanswered):
            return False
        self._is_one_by_one = stream.sole_unanswered is None
        if stream.sole_unanswered is not None:
            message, end = stream.sole_unanswered
            self._record_answer(Answered(message, end, to_batch_error(error)))
        return True

    def _record_answer(self, answered: Answered) -> None:
        if answered.error is None:
            self._result.batches += 1
            self._result.points += _count_points(answered.message)
        else:
            error = error_of_batch(answered.error)
            if self._missing.may_come(error):
                raise error  # which ends the stream in front of this batch
            self._set_aside.refuse(answered.error, answered.message)
        self._lease.move("batches", answered.end)


def _count_points(message: bytes) -> int:
    try:
        return count_points(message)
    except ValueError:  # the server took it, so that is our fault
        return 0
