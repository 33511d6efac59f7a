"""The session of a program without a server: what it logs stays in a spool on its own disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runstream.calls.session import Session
from runstream.errors import FailedPrecondition
from runstream.files.own_files import make_own_folder
from runstream.outbox.batch_files import BatchFiles
from runstream.outbox.batch_queue import BatchQueue
from runstream.outbox.disk_queue import DiskQueue
from runstream.spool import settings
from runstream.spool.cursor import read_cursor
from runstream.spool.log_files import count_bytes
from runstream.transport import tracking_uri
from runstream.transport.offline_connection import OfflineConnection
from runstream.transport.token import TokenSource
from runstream.transport.tracking_uri import Target


class OfflineSession(Session):
    """A session whose uploader writes batches to disk and opens no stream.

    `runstream sync` delivers them, also while the program runs, so this takes no lock of delivery.
    """

    is_offline = True

    def __init__(self, target: Target, token: TokenSource) -> None:
        """Make a session, and its spool.

        Raises:
            FailedPrecondition: nothing can be written there, so that all would be lost.
        """
        self._folder = Path(str(target.offline_folder))
        _make_spool(self._folder)
        super().__init__(target, token)
        self.connection = OfflineConnection(target.uri, str(self._folder), self.folder_uri)

    def spool_folder(self) -> Path | None:
        """Return the folder that has what was logged; None if another process has delivered it."""
        folder = super().spool_folder()
        if folder is None or self.outbox.batches.disk_watch.is_hanging:
            return folder
        return None if _is_delivered(folder) else folder

    def _queue_factory(self, uri: str) -> Callable[[], BatchQueue]:
        limit = settings.limit_bytes() or settings.DEFAULT_LIMIT
        is_synced = settings.is_synced()
        is_named = not uri.startswith("offline:") and tracking_uri.is_chosen(uri)
        server = self.folder_uri = uri if is_named else ""
        return lambda: DiskQueue(
            BatchFiles(server, limit, is_synced, find_spool=lambda: self._folder, delivers=False),
            is_final=True,
        )


def _is_delivered(folder: Path) -> bool:
    logs = (folder / "batches", folder / "tasks")
    try:
        return not any(count_bytes(log, read_cursor(log)) for log in logs)
    except OSError:  # what cannot be looked at is there
        return False


def _make_spool(folder: Path) -> None:
    try:
        make_own_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError("it is not writable for this user")
    except OSError as error:
        raise FailedPrecondition(
            f"nothing can be kept in {folder}, and there is no server: {error}",
            reason="SPOOL_NOT_WRITABLE",
            folder=str(folder),
        ) from error
