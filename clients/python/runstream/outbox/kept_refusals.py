"""What the server refused of this process, and is kept in its folder of the spool."""

from __future__ import annotations

import logging
from pathlib import Path

from runstream.errors import (
    AlreadyExists,
    FailedPrecondition,
    Internal,
    NotFound,
    PermissionDenied,
    RunstreamError,
)
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.spool.refused_log import to_batch_error
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")

# Refusals of what may be all right: the run is not there, has ended, or is not for this caller. A
# mistake in the content is raised, and stays one however often it is sent.
_KEPT = (AlreadyExists, FailedPrecondition, Internal, NotFound, PermissionDenied)


class KeptRefusals:
    """The refused batches and tasks of a process.

    The thread of a stream and that of the tasks call `keep`, with the lock of the batches; any
    thread may read the attributes.

    Attributes:
        counts: how many are kept, by run or model.
        folder: where the last of them is kept.
    """

    def __init__(self, batches: OutgoingBatches) -> None:
        """Start with none.

        Args:
            batches: their queue has the folder.
        """
        self._batches = batches
        self._has_warned = False
        self.counts: dict[str, int] = {}
        self.folder: Path | None = None

    def keep(self, owner: str, error: RunstreamError, refused: bytes | SpoolTask) -> bool:
        """Keep what was refused, if it may be taken another time; return whether it is kept.

        Args:
            owner: the run or the model.
            error: why it was refused.
            refused: the batch or the task.
        """
        if not isinstance(error, _KEPT):
            return False
        try:
            with self._batches.lock:
                folder = self._batches.queue.keep_refusal(to_batch_error(error), refused)
        except OSError as problem:
            if not self._has_warned:
                self._has_warned = True
                log.warning("what the server refuses cannot be kept in the spool: %s", problem)
            return False
        if folder is None:
            return False
        self.counts[owner] = self.counts.get(owner, 0) + 1
        self.folder = folder
        return True
