"""Delivers the folders of a spool, one after the other, and says what was delivered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from runstream.calls.session import Session
from runstream.calls.sessions import open_session, release_session
from runstream.errors import (
    DeadlineExceeded,
    InvalidArgument,
    RunstreamError,
    Unavailable,
)
from runstream.spool.cursor import read_cursor
from runstream.spool.file_locks import is_locked_here
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_files import Place
from runstream.spool.refused_log import read_refusals
from runstream.spool.waiting_starts import WaitingStarts
from runstream.syncing.delivery_errors import joint_error
from runstream.syncing.folder_delivery import FolderDelivery
from runstream.syncing.folder_state import count_left
from runstream.syncing.named_folders import find_folders, search_folder
from runstream.syncing.own_folders import is_own_folder
from runstream.syncing.refused_requeue import requeue_refused
from runstream.syncing.results import FolderResult, SyncResult
from runstream.transport import tracking_uri
from runstream.transport.call_limit import limit_calls

# How the tracking URI of a program without a server begins.
_OFFLINE = "offline:"

#: Seconds for which a server is tried, once for all folders that it is to get; and those of the
#: server of a file, which may have to be started.
CONNECT_SECONDS = 5.0
FILE_CONNECT_SECONDS = 60.0

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
        folder: a spool, one folder of it, or the name of a folder in the default spool; the default
            spool, if left out, which is the folder of RUNSTREAM_TRACKING_URI if that is
            `offline:FOLDER`, and else that of this user. What a server refused of one folder that
            is named, whose process has ended, is sent once more.
        to: tracking URI of the server; that which each folder names, if left out, and for one that
            names none that of RUNSTREAM_TRACKING_URI.

    Raises:
        NotFound: there is no such folder.
        InvalidArgument: a folder names no server, `to` is left out and the variable is not set.
        RunstreamError: a server did not take something; says how much is left, of each folder.
        OSError: a file cannot be read or written, or is a link.
        ValueError: a folder does not say what it is.
    """
    delivery = SpoolDelivery(folder, to)
    result = SyncResult(list(delivery.deliver()))
    if delivery.error is not None:
        raise delivery.error
    return result


class SpoolDelivery:
    """Delivers folders, and may be asked to do it again for what has come meanwhile.

    One thread uses it.

    Attributes:
        errors: one of each folder that was not delivered; the others are delivered all the same.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, to: str | os.PathLike[str] | None
    ) -> None:
        """Make a delivery; nothing is read yet.

        Args:
            path: a spool, or one folder of it; `default_spool`, if None.
            to: tracking URI of the server; that which each folder names, or else that of the
                environment, if None.

        Raises:
            InvalidArgument: the URI is in none of its forms.
        """
        self._path = None if path is None else Path(path)
        # Once, and of a folder that is named: whoever names it has mended why it was refused.
        self._requeues_refused = False
        if self._path is not None and (folder := search_folder(self._path)) is not None:
            self._path = folder.path
            self._requeues_refused = True
        self._to = None if to is None else tracking_uri.parse(to).uri
        if self._to is not None and self._to.startswith(_OFFLINE):
            raise _unknown_server_error(f"{self._to} is no server to deliver to")
        self._places: dict[Path, dict[str, Place]] = {}
        self._starts: dict[tuple[Path, str], WaitingStarts] = {}  # by spool and server
        self._away: dict[str, Unavailable] = {}
        self._reached: set[str] = set()
        self.errors: list[Exception] = []

    @property
    def is_gone(self) -> bool:
        """Whether the folder that it delivers is not there any more."""
        return self._path is not None and not self._path.exists()

    @property
    def error(self) -> Exception | None:
        """One error that says all of them; None if there is none."""
        return joint_error(self.errors) if self.errors else None

    def deliver(self) -> Iterator[FolderResult]:
        """Deliver what is there, and yield what was delivered of each folder that had something.

        Raises:
            NotFound: there is no such path.
        """
        self.errors = []
        self._away.clear()
        self._reached.clear()
        self._starts.clear()
        for folder in find_folders(self._path):
            result = FolderResult(str(folder.path))
            try:
                if not self._deliver_folder(folder, result):
                    continue
            except Exception as error:  # a folder must not keep those behind it from the server
                if isinstance(error, FileNotFoundError) and not folder.path.exists():
                    continue  # somebody else has delivered it meanwhile
                result.error = result.error or str(error) or type(error).__name__
                self.errors.append(error)
                if isinstance(error, (Unavailable, DeadlineExceeded)):
                    away = Unavailable(result.error, reason=error.reason)
                    self._away.setdefault(result.tracking_uri, away)
            if not result.is_empty:
                yield result
        self._requeues_refused = False

    def _deliver_folder(self, folder: SpoolFolder, result: FolderResult) -> bool:
        """Deliver a folder; return whether there was something to do."""
        if self._path is None and not is_own_folder(folder):
            return False
        if is_locked_here(folder.path / "delivery.lock"):
            return False
        info = folder.read_info()
        result.program = info.program
        _count_kept(folder, result)
        uri = result.tracking_uri = self._to or _server_uri(info.tracking_uri)
        if not uri:
            return _leave(folder, result)
        session = open_session(uri, is_sync=True)
        stop = threading.Event()
        spool = folder.path.parent
        starts = self._starts.setdefault(
            (spool, uri), WaitingStarts(spool, uri if self._to is None else None)
        )
        delivery = FolderDelivery(folder, session, result, stop.is_set, starts=starts)
        try:
            delivery.lock(self._places.get(folder.path))
            if self._requeues_refused and delivery.lease.is_locked and not result.is_live:
                requeue_refused(folder)
                _count_kept(folder, result)
            if not delivery.has_work():
                return result.is_for_people
            _run(lambda: self._deliver_to(session, delivery), stop)
            self._places[folder.path] = delivery.lease.places
        finally:
            delivery.lease.release()
            release_session(session)
        return True

    def _deliver_to(self, session: Session, delivery: FolderDelivery) -> None:
        if session.uri in self._away:
            raise delivery.fail(self._away[session.uri])
        if session.uri not in self._reached:
            try:
                _ensure_reachable(session)
            except RunstreamError as error:
                raise delivery.fail(error) from None
            self._reached.add(session.uri)
        delivery.deliver()


def _ensure_reachable(session: Session) -> None:
    """Raise if no server answers soon; once one has, a delivery waits longer for it.

    Raises:
        Unavailable: no server is there.
        DeadlineExceeded: it does not answer.
    """
    is_file = session.uri.startswith("sqlite:")
    try:
        with limit_calls(FILE_CONNECT_SECONDS if is_file else CONNECT_SECONDS):
            session.connection.locate_server()
    except (Unavailable, DeadlineExceeded):
        raise
    except RunstreamError:  # it has answered; the delivery finds out what is wrong
        pass


def _count_kept(folder: SpoolFolder, result: FolderResult) -> None:
    result.refused_before = sum(1 for _ in read_refusals(folder.refused))
    result.damaged_before = folder.count_damaged()


def _leave(folder: SpoolFolder, result: FolderResult) -> bool:
    """Leave a folder that names no server; return False if nothing is in it.

    Raises:
        InvalidArgument: something is in it.
    """
    places = {log: read_cursor(folder.path / log) for log in ("batches", "tasks")}
    count_left(folder, result, places)
    if result.bytes_left or result.files_left:
        where = "names no server: say one by --to URI, or set RUNSTREAM_TRACKING_URI"
        result.error = f"it {where}"
        raise _unknown_server_error(f"{folder} {where}")
    return result.is_for_people


def _server_uri(named: str) -> str:
    """Return the server that a folder is for, or else that of the environment; empty if none."""
    default = tracking_uri.default() if tracking_uri.is_default_set() else ""
    for uri in (named, default):
        if uri and not uri.lower().startswith(_OFFLINE):
            return uri
    return ""


def _unknown_server_error(text: str) -> InvalidArgument:
    return InvalidArgument(text, reason="SERVER_UNKNOWN", field="to")


def _run(function: Callable[[], object], stop: threading.Event) -> None:
    """Run a delivery on a thread of its own, so that an interrupt leaves nothing half done."""
    errors: list[BaseException] = []

    def deliver() -> None:
        try:
            function()
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
