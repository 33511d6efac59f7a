"""What a delivery keeps for people: what the server refused, and what is no message."""

from __future__ import annotations

import logging
from collections.abc import Callable

from runstream.contract.counts import count
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_reader import Damage
from runstream.spool.refused_log import append_refusal
from runstream.syncing.results import FolderResult
from runstream.v1.logging_service_pb2 import BatchError
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")


class SetAside:
    """Keeps and counts what of a folder cannot be delivered. One thread at a time uses it."""

    def __init__(
        self, folder: SpoolFolder, result: FolderResult, is_locked: Callable[[], bool]
    ) -> None:
        """Count, and keep what there is while this process has the lock.

        Args:
            folder: the folder.
            result: where to count.
            is_locked: returns whether this process has `delivery.lock`, also when a sync that was
                interrupted has let go of it while its threads go on; without it this only counts.
        """
        self._is_locked = is_locked
        self._folder = folder
        self._result = result
        self._damages: set[tuple[str, Damage]] = set()
        self._first_refusal = ""

    def refuse(self, error: BatchError, refused: bytes | SpoolTask) -> None:
        """Keep what the server refused.

        Raises:
            OSError: it cannot be written.
        """
        self._result.refused += 1
        self._first_refusal = self._first_refusal or error.message
        if self._is_locked():
            append_refusal(self._folder.refused, error, refused)

    def warn_of_refused(self) -> None:
        """Log one warning, however much was refused: one for each would hide all others."""
        if self._result.refused:
            log.warning(
                "%s: %s refused, the first because: %s",
                self._folder,
                count(self._result.refused, "batch or task was", "batches and tasks were"),
                self._first_refusal,
            )

    def keep_damage(self, name: str, damage: Damage) -> None:
        """Keep bytes of the log of this name that are no frames, or none with a message.

        Raises:
            OSError: they cannot be written.
        """
        if damage.is_cut or (name, damage) in self._damages:
            return
        self._damages.add((name, damage))
        self._result.damaged += damage.size
        where = "they are passed over"
        if self._is_locked():
            log_folder = self._folder.path / name
            kept = self._folder.set_aside(log_folder, *damage.start, damage.size)
            where = f"they are kept in {kept}"
        log.warning("%s: %d bytes are no %s; %s", self._folder, damage.size, name, where)
