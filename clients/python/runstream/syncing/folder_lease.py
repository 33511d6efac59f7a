"""The right to move the cursors of a folder, and up to where it is delivered."""

from __future__ import annotations

from runstream.spool import log_files
from runstream.spool.contents import check_contents, has_only_own
from runstream.spool.cursor import Cursor, read_cursor
from runstream.spool.file_locks import FileLock
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_files import Place
from runstream.syncing.folder_state import has_frame, may_be_live
from runstream.syncing.results import FolderResult


class FolderLease:
    """Holds `delivery.lock`, with which cursors are moved and files removed.

    Without the lock, which somebody else has, it only remembers what is delivered.

    Attributes:
        folder: the folder.
        places: up to where each log is delivered.
    """

    def __init__(self, folder: SpoolFolder, result: FolderResult) -> None:
        """Make a lease, which takes no lock yet.

        Args:
            folder: the folder.
            result: where to note whether its writer lives, and whether it is removed.
        """
        self.folder = folder
        self.places: dict[str, Place] = {}
        self._result = result
        self._lock: FileLock | None = None
        self._cursors: dict[str, Cursor] = {}

    def take(self, places: dict[str, Place] | None = None) -> None:
        """Take `delivery.lock` if nobody has it; find out whether the writer is gone.

        Args:
            places: up to where it is known to be delivered, if somebody else moves the cursors.

        Raises:
            OSError: the folder is gone, or something in it is no file of a spool.
            ValueError: it does not say what it is.
        """
        check_contents(self.folder.path)
        lock = self.folder.lock_delivery()
        self._lock = lock if isinstance(lock, FileLock) else None
        self._result.is_live = may_be_live(self.folder)
        for log_name in ("batches", "tasks"):
            cursor = read_cursor(self.folder.path / log_name)
            known = cursor if self._lock is not None or places is None else places[log_name]
            self.places[log_name] = max(cursor, known)

    @property
    def is_locked(self) -> bool:
        """Whether this process has the lock, and not somebody else."""
        return self._lock is not None

    def has_bytes(self, name: str) -> bool:
        """Return whether the log of this name has bytes that are not delivered."""
        return bool(log_files.count_bytes(self.folder.path / name, self.places[name]))

    def move(self, name: str, place: Place) -> None:
        """Note that the log of this name is delivered up to a place.

        Raises:
            OSError: the cursor cannot be written.
        """
        if place == self.places[name]:
            return
        self.places[name] = place
        if self._lock is not None:
            if name not in self._cursors:
                self._cursors[name] = Cursor(self.folder.path / name)
            self._cursors[name].move(place)

    def may_remove(self) -> bool:
        """Return whether the folder may go once all of it is delivered."""
        is_ours = self._lock is not None and not self._result.is_live
        is_for_people = self.folder.refused.exists() or self.folder.damaged.exists()
        return is_ours and not is_for_people and has_only_own(self.folder.path)

    def remove(self) -> None:
        """Remove the folder, if reading it once more finds nothing in it."""
        if not any(has_frame(self.folder.path / name, self.places[name]) for name in self.places):
            self.folder.remove()
            self._result.is_removed = True

    def release(self) -> None:
        """Let go of the files and of the lock."""
        for cursor in self._cursors.values():
            cursor.close()
        self._cursors.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
