"""The end of a server whose stop waits for a database or a storage that does not answer."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

#: Seconds within which a server ends that was told to stop. Kubernetes gives 30, if not told more.
STOP_SECONDS = 25.0

#: Exit status of a server that ended before all was written out.
NOT_WRITTEN_OUT = 75


def start_deadline(at_end: Callable[[], object]) -> None:
    """End the process after `STOP_SECONDS`, unless it has ended by itself.

    Threads may wait for a database that is frozen, and nothing can interrupt all of them. What they
    were to write was not acknowledged, so clients send it again.

    Args:
        at_end: called before the process ends in this way.
    """
    timer = threading.Timer(STOP_SECONDS, _end, (at_end,))
    timer.daemon = True
    timer.start()


def _end(at_end: Callable[[], object]) -> None:
    log.critical(
        "not all was written out within %g seconds of the stop, the server ends", STOP_SECONDS
    )
    at_end()
    os._exit(NOT_WRITTEN_OUT)
