"""Delivers the folders of a spool, one after the other, and says what was delivered."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from runstream.calls.sessions import open_session, release_session
from runstream.errors import InvalidArgument, NotFound, RunstreamError, Unavailable
from runstream.spool import settings
from runstream.spool.file_locks import is_locked_here
from runstream.spool.folder import SpoolFolder, list_folders
from runstream.spool.log_files import Place
from runstream.syncing.folder_delivery import FolderDelivery
from runstream.syncing.results import FolderResult, SyncResult
from runstream.transport import tracking_uri

# How the tracking URI of a program without a server begins.
_OFFLINE = "offline:"

# Seconds between two looks of a thread that waits, and seconds that a delivery gets to end when it
# is interrupted.
_POLL_SECONDS = 0.5
_STOP_SECONDS = 3.0


def sync(
    folder: str | os.PathLike[str] | None = None, to: str | os.PathLike[str] | None = None
) -> SyncResult:
    """Deliver what programs wrote and no server has yet, and return what was delivered.

    What this process logs it delivers by itself, so its own folders are left out. Folders of other
    processes that are alive are sent as far as they are written. Doing it twice, or at the same
    time, stores nothing twice.

    Args:
        folder: a spool, or one folder of it; the spool of this user, if left out.
        to: tracking URI of the server; that which each folder names, if left out.

    Raises:
        NotFound: there is no such folder.
        InvalidArgument: a folder names no server, and `to` is left out.
        RunstreamError: a server did not take something; says how much is left.
        OSError: a file cannot be read or written.
    """
    delivery = SpoolDelivery(folder, to)
    result = SyncResult(list(delivery.deliver()))
    if delivery.error is not None:
        raise delivery.error
    return result


def find_folders(path: str | os.PathLike[str] | None) -> list[SpoolFolder]:
    """Return the folders of a spool, or one folder; those of the spool of this user by default.

    Raises:
        NotFound: there is no such path.
    """
    if path is None:
        return list_folders(settings.spool_path())
    found = Path(path)
    if not found.is_dir():
        raise NotFound(f"there is no folder {found}", reason="FOLDER_NOT_FOUND", value=found)
    return [SpoolFolder(found)] if (found / "spool.json").is_file() else list_folders(found)


class SpoolDelivery:
    """Delivers folders, and may be asked to do it again for what has come meanwhile.

    One thread uses it.

    Attributes:
        error: the first error; the folders that it does not concern are delivered all the same.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, to: str | os.PathLike[str] | None
    ) -> None:
        """Make a delivery; nothing is read yet.

        Args:
            path: a spool, or one folder of it; the spool of this user, if None.
            to: tracking URI of the server; that which each folder names, if None.

        Raises:
            InvalidArgument: the URI is in none of its forms.
        """
        self._path = path
        self._to = None if to is None else tracking_uri.parse(to).uri
        if self._to is not None and self._to.startswith(_OFFLINE):
            raise _unknown_server_error(f"{self._to} is no server to deliver to")
        self._places: dict[Path, dict[str, Place]] = {}
        self.error: BaseException | None = None

    def deliver(self) -> Iterator[FolderResult]:
        """Deliver what is there, and yield what was delivered of each folder that had something.

        Raises:
            NotFound: there is no such path.
        """
        self.error = None
        away: dict[str, Unavailable] = {}
        for folder in find_folders(self._path):
            result = FolderResult(str(folder.path))
            try:
                if not self._deliver_folder(folder, result, away):
                    continue
            except FileNotFoundError:
                if folder.path.exists():
                    raise
                continue  # somebody else has delivered it meanwhile
            except (RunstreamError, OSError, ValueError) as error:
                result.error = str(error)
                self.error = self.error or error
                if isinstance(error, Unavailable):
                    away[result.tracking_uri] = error
            if not result.is_empty:
                yield result

    def _deliver_folder(
        self, folder: SpoolFolder, result: FolderResult, away: dict[str, Unavailable]
    ) -> bool:
        """Deliver a folder; return whether there was something to do."""
        if is_locked_here(folder.path / "delivery.lock"):
            return False
        info = folder.read_info()
        result.program = info.program
        uri = result.tracking_uri = self._to or _server_uri(folder, info.tracking_uri)
        if uri in away:
            raise away[uri]
        session = open_session(uri, is_sync=True)
        stop = threading.Event()
        delivery = FolderDelivery(folder, session, result, stop.is_set)
        try:
            delivery.lock(self._places.get(folder.path))
            if not delivery.has_work():
                return False
            _run(delivery, stop)
            self._places[folder.path] = delivery.places
        finally:
            delivery.close()
            release_session(session)
        return True


def _server_uri(folder: SpoolFolder, named: str) -> str:
    """Return the server that a folder is for, or else that of the environment."""
    default = tracking_uri.default() if tracking_uri.is_default_set() else ""
    for uri in (named, default):
        if uri and not uri.startswith(_OFFLINE):
            return uri
    raise _unknown_server_error(f"{folder} names no server: say where to deliver it")


def _unknown_server_error(text: str) -> InvalidArgument:
    return InvalidArgument(text, reason="SERVER_UNKNOWN", field="to")


def _run(delivery: FolderDelivery, stop: threading.Event) -> None:
    """Run a delivery on a thread of its own, so that an interrupt leaves nothing half done."""
    errors: list[BaseException] = []

    def deliver() -> None:
        try:
            delivery.deliver()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=deliver, name="runstream-sync", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
    finally:
        stop.set()
        thread.join(_STOP_SECONDS)
    if errors:
        raise errors[0]
