"""Starts of runs that wait in the folders of a spool, found by the id of their run.

A process may log to a run that another one has started while the server was away. Whichever of them
reaches the server first, that has to get the start first.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runstream.contract.wire_counts import started_run
from runstream.spool.cursor import read_cursor
from runstream.spool.file_locks import is_locked_here
from runstream.spool.folder import SpoolFolder, list_folders
from runstream.spool.log_files import Place
from runstream.spool.log_reader import LogReader

# How the tracking URI of a program without a server begins.
_OFFLINE = "offline:"


class _Found(NamedTuple):
    """Where a start is."""

    folder: SpoolFolder
    start: Place
    end: Place


class WaitingStarts:
    """The starts in a spool that no server has answered. One thread at a time may use it.

    Each frame is read once, however many runs are asked for; of the starts only their places are
    kept.
    """

    def __init__(self, spool: Path, tracking_uri: str | None) -> None:
        """Read nothing yet.

        Args:
            spool: the spool.
            tracking_uri: of the server; folders for others are passed over. None if all of them are
                for one server.
        """
        self._spool = spool
        self._tracking_uri = tracking_uri
        self._read: dict[Path, Place] = {}  # up to where each folder is known
        self._found: dict[str, _Found] = {}

    def find(self, run_id: str) -> bytes | None:
        """Return the batch that starts a run, as it waits; None if none does."""
        message = self._read_found(run_id)
        if message is None:
            for folder in list_folders(self._spool):
                with suppress(OSError, ValueError):  # it is being removed, or of a newer version
                    self._read_folder(folder)
            message = self._read_found(run_id)
        return message

    def _read_folder(self, folder: SpoolFolder) -> None:
        if is_locked_here(folder.path / "writer.lock"):
            return  # this process sends what it has in its order
        if folder.path not in self._read and not self._is_for_server(folder):
            return
        start = read_cursor(folder.batches)
        reader = LogReader(folder.batches, max(start, self._read.get(folder.path, start)))
        try:
            place = reader.place
            while (frame := reader.next(may_grow=True)) is not None:
                with suppress(ValueError):
                    if run_id := started_run(frame.payload):
                        self._found.setdefault(run_id, _Found(folder, place, frame.end))
                place = frame.end
            self._read[folder.path] = reader.place
        finally:
            reader.close()

    def _is_for_server(self, folder: SpoolFolder) -> bool:
        if self._tracking_uri is None:
            return True
        named = folder.read_info().tracking_uri
        return named in ("", self._tracking_uri) or named.startswith(_OFFLINE)

    def _read_found(self, run_id: str) -> bytes | None:
        found = self._found.get(run_id)
        if found is None:
            return None
        message = None
        with suppress(OSError, ValueError):
            # What is answered is no start any more: its run may have been removed since.
            if read_cursor(found.folder.batches) < found.end:
                reader = LogReader(found.folder.batches, found.start)
                try:
                    frame = reader.next(may_grow=True)
                finally:
                    reader.close()
                if frame is not None and started_run(frame.payload) == run_id:
                    message = frame.payload
        if message is None:
            del self._found[run_id]
        return message
