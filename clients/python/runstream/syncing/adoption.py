"""Delivers, in the background, what other processes of this user left on this machine.

A thread looks for folders in the spool whose process is gone and that are for this server, and
delivers them: slowly, only while nothing of this process waits, over a stream of its own. It looks
when the server answers the first time, when it answers again after an outage, and every minute. It
is a daemon, which holds up neither a fork nor the end of the program; what it has not delivered is
left to the next process.

This module is imported with `runstream`, so it imports what delivers once there is a folder.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from runstream.calls.session import Session, call_when_reached
from runstream.contract.counts import count
from runstream.errors import DeadlineExceeded, Unauthenticated, Unavailable
from runstream.spool import settings
from runstream.spool.drafts import remove_drafts
from runstream.spool.file_locks import FileLock
from runstream.spool.folder import list_folders
from runstream.spool.waiting_starts import WaitingStarts
from runstream.syncing.own_folders import is_own_folder, warn_once
from runstream.transport.thread_start import start_thread

if TYPE_CHECKING:
    from runstream.spool.folder import SpoolFolder

log = logging.getLogger("runstream")

#: Bytes that are sent in a second.
BYTES_PER_SECOND = 4 * 1024 * 1024

#: Seconds after an answer of the server before folders are looked for: many programs end sooner.
DELAY_SECONDS = 1.0

#: Seconds after which they are looked for again: another process may have been killed meanwhile.
AGAIN_SECONDS = 60.0

# Seconds between two looks whether anything of this process waits.
_BUSY_SECONDS = 0.1

_adopting: dict[str, _Adopter] = {}  # by tracking URI
_ending = threading.Event()

# Held over imports of the thread, and over every fork: a child would wait for ever for a module
# that a thread was importing.
_importing = threading.Lock()


class _GentlePace:
    """The pace of a delivery that must not be felt; see `batch_stream.Pace`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._next = 0.0

    def seconds_until(self, size: int) -> float:
        """Return how long to wait before `size` bytes are sent; 0 to send them now."""
        now = time.monotonic()
        if self._session.has_pending():
            return _BUSY_SECONDS
        if now < self._next:
            return self._next - now
        self._next = now + size / BYTES_PER_SECOND
        return 0.0


class _Adopter:
    """A thread that looks for folders for one server, again and again while a client uses it.

    Attributes:
        thread: the thread.
        wake: lets it look now.
        passes: how many times it has looked, and delivered what it found.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.wake = threading.Event()
        self.passes = 0
        self.thread = threading.Thread(target=self._run, name="runstream-adoption", daemon=True)

    def _run(self) -> None:
        pause = DELAY_SECONDS
        while not _must_stop(self._session):
            self.wake.wait(pause)
            self.wake.clear()
            try:
                self._deliver_all()
            except Exception:  # it looks again
                log.debug("what another process left is not delivered", exc_info=True)
            self.passes += 1
            pause = AGAIN_SECONDS

    def _deliver_all(self) -> None:
        folders = _find_left_folders(self._session.uri)
        starts = WaitingStarts(settings.spool_path(), self._session.uri) if folders else None
        for folder in folders:
            if _must_stop(self._session):
                return
            try:
                _deliver(folder, self._session, starts)
            except (Unavailable, DeadlineExceeded, Unauthenticated):
                raise  # which concern all folders
            except Exception as error:
                if _must_stop(self._session):
                    return
                warn_once(folder, error)


def _start(session: Session) -> None:
    """Look for folders in a thread of its own, which there is one of for each server."""
    adopter = _adopting.get(session.uri)
    if adopter is not None and adopter.thread.is_alive():
        adopter.wake.set()
        return
    if not _ending.is_set():
        adopter = _adopting[session.uri] = _Adopter(session)
        start_thread(adopter.thread)


def _find_left_folders(uri: str) -> list[SpoolFolder]:
    """Return the folders for this server whose process ran on this machine and is gone."""
    if not settings.limit_bytes():
        return []
    remove_drafts(settings.spool_path())
    found = []
    for folder in list_folders(settings.spool_path()):
        try:
            if not is_own_folder(folder):
                continue
            lock = folder.lock_writer()
            if not isinstance(lock, FileLock):
                continue
            lock.release()
            _import_delivery()
            info = folder.read_info()
        except (OSError, ValueError):  # it is being removed, or is of a newer version
            continue
        if (info.host, info.tracking_uri) == (socket.gethostname(), uri):
            found.append(folder)
    return found


def _import_delivery() -> None:
    """Import what is needed once there is a folder to look into."""
    with _importing:
        import google.protobuf.json_format  # noqa: F401

        import runstream.syncing.folder_delivery  # noqa: F401


def _deliver(folder: SpoolFolder, session: Session, starts: WaitingStarts | None = None) -> None:
    from runstream.syncing.folder_delivery import FolderDelivery
    from runstream.syncing.results import FolderResult

    result = FolderResult(str(folder.path), tracking_uri=session.uri)
    delivery = FolderDelivery(
        folder, session, result, lambda: _must_stop(session), _GentlePace(session), starts
    )
    try:
        delivery.lock()
        if delivery.lease.is_locked and delivery.has_work():
            delivery.deliver()
            log.info(
                "delivered %s, %s and %s that another process left in %s",
                count(result.batches, "batch", "batches"),
                count(result.points, "point", "points"),
                count(result.files, "file", "files"),
                folder,
            )
    except FileNotFoundError:  # another process has delivered it meanwhile
        if folder.path.exists():
            raise
    finally:
        delivery.lease.release()


def _must_stop(session: Session) -> bool:
    return _ending.is_set() or not session.is_used


def _end() -> None:
    _ending.set()
    for adopter in list(_adopting.values()):
        adopter.wake.set()


def _reset_after_fork() -> None:
    global _ending
    _importing.release()
    _ending = threading.Event()
    _adopting.clear()


call_when_reached(_start)
atexit.register(_end)  # before `shutdown`, which is registered earlier, closes the sessions
os.register_at_fork(
    before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_reset_after_fork
)
