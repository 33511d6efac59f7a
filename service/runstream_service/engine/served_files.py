"""Detects that somebody deleted or replaced the files of a database that is served.

The server would then write to a file that nobody else can open, and what it acknowledges would be
lost. So before each answer the paths are compared with the files that were opened, which takes some
microseconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from runstream.errors import Unavailable
from runstream_service.engine.engine import storage_error

log = logging.getLogger(__name__)

#: Exit status of a server whose files were deleted or replaced.
FILES_GONE = 72


class ServedFiles:
    """The files of a database while it is served; any thread may check them."""

    def __init__(self, paths: Iterable[Path], at_end: Callable[[], object] = lambda: None) -> None:
        """Record the identities of the files.

        Args:
            paths: the files, which are there.
            at_end: called before the process ends because of deleted or replaced files.
        """
        self._at_end = at_end
        self._identities = {str(path): _identity(str(path)) for path in paths}
        self._lock = threading.Lock()
        self._is_served = True

    def release(self) -> None:
        """Allow the files to go, as the write-ahead log does with the last connection."""
        with self._lock:
            self._is_served = False

    def check(self) -> None:
        """End the process if one of the files was deleted or replaced, until they are released.

        Raises:
            Unavailable: the files cannot be read.
        """
        for path, identity in self._identities.items():
            try:
                if _identity(path) == identity:
                    continue
                what = "replaced"
            except FileNotFoundError:
                what = "deleted"
            except OSError as error:
                raise storage_error(error) from error
            self._end(path, what)

    def _end(self, path: str, what: str) -> None:
        with self._lock:
            if not self._is_served:  # the thread that checks was slower than the end
                return
            # Clients send what has no answer to the next server again, which refuses it if it does
            # not have the run. So ending at once loses nothing silently.
            log.critical("%s was %s while it was served, the server ends", path, what)
            self._at_end()
            os._exit(FILES_GONE)


async def check_regularly(files: ServedFiles) -> None:
    """Check every second, so that an idle server does not outlive its files."""
    while True:
        await asyncio.sleep(1)
        with suppress(Unavailable):  # the next caller gets the error
            await asyncio.to_thread(files.check)


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
