"""The delivery of one folder: its batches, its tasks and its end."""

from __future__ import annotations

from collections.abc import Callable

from runstream.errors import RunstreamError
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_files import Place
from runstream.spool.waiting_starts import WaitingStarts
from runstream.syncing.batch_delivery import BatchDelivery
from runstream.syncing.batch_stream import Pace
from runstream.syncing.delivery_context import DeliveryContext, SyncSession
from runstream.syncing.delivery_errors import undelivered_error
from runstream.syncing.folder_lease import FolderLease
from runstream.syncing.folder_state import count_left, find_end
from runstream.syncing.folder_tasks import FolderTasks
from runstream.syncing.missing_starts import MissingStarts
from runstream.syncing.results import FolderResult
from runstream.syncing.set_aside import SetAside


class FolderDelivery:
    """Delivers one folder; one thread uses it, with the threads of a stream at a time.

    With `delivery.lock` it moves the cursors, keeps what is refused and damaged, and removes what
    is answered. Without the lock it sends what is there, and leaves the folder as it is.

    Attributes:
        lease: the right to move the cursors, and up to where the folder is delivered.
        result: what is delivered so far.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        session: SyncSession,
        result: FolderResult,
        must_stop: Callable[[], bool] = lambda: False,
        pace: Pace | None = None,
        starts: WaitingStarts | None = None,
    ) -> None:
        """Make a delivery, which takes no lock yet.

        Args:
            folder: the folder.
            session: the server.
            result: where to count.
            must_stop: asked now and then; once it says so, no more is sent.
            pace: says when batches may be sent; at once, if left out.
            starts: the starts of runs in the folders beside it; none, if left out.
        """
        self.lease = FolderLease(folder, result)
        self.result = result
        self._must_stop = must_stop
        self._set_aside = SetAside(folder, result, lambda: self.lease.is_locked)
        missing = MissingStarts(session.connection, starts, result)
        context = DeliveryContext(
            self.lease, session, result, self._set_aside, missing, must_stop, pace
        )
        self._batches = BatchDelivery(context)
        self._tasks = FolderTasks(context, self._batches)

    def lock(self, places: dict[str, Place] | None = None) -> None:
        """Take the lease, or at least find out what there is; see `FolderLease.take`."""
        self.lease.take(places)

    def has_work(self) -> bool:
        """Return whether there is something to deliver, or a folder to remove."""
        return (
            self.lease.has_bytes("batches")
            or self.lease.has_bytes("tasks")
            or self.lease.may_remove()
        )

    def deliver(self) -> None:
        """Send what is there, do what is to be done, and remove the folder if nobody needs it.

        Raises:
            RunstreamError: the server did not take it; says how much was sent and is left.
            OSError: a file cannot be read or written.
        """
        folder, places = self.lease.folder, self.lease.places
        ends = {name: find_end(folder.path / name) for name in places}
        try:
            self._batches.deliver()
            if not self._must_stop():
                self._tasks.deliver()
        except RunstreamError as error:
            raise self.fail(error) from None
        finally:
            self._set_aside.warn_of_refused()
        # What has come meanwhile is left to the process that writes it, or to the next delivery.
        is_all = self._must_stop() or not self.result.is_live
        count_left(folder, self.result, places, None if is_all else ends)
        if not (self.result.bytes_left or self.result.files_left) and self.lease.may_remove():
            self.lease.remove()

    def fail(self, error: RunstreamError) -> RunstreamError:
        """Return an error of the server with what is left, which the result says from now on."""
        self.result.error = str(error)
        count_left(self.lease.folder, self.result, self.lease.places)
        return undelivered_error(error, self.result)
