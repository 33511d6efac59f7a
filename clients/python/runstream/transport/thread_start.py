"""The start of a thread where none may be left."""

from __future__ import annotations

import threading


def start_thread(thread: threading.Thread) -> str | None:
    """Start a thread; return why it cannot be started, None if it is.

    Python 3.12 starts none once the end of a program has begun, and a system may have too many.
    """
    try:
        thread.start()
    except RuntimeError as error:
        return str(error)
    return None
