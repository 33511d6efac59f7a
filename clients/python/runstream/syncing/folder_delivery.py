"""The delivery of one folder: its locks, its batches, its tasks and its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from runstream.calls.task_delivery import FILE_INCOMPLETE, FILE_MISSING, do_task
from runstream.calls.unknown_runs import send_start
from runstream.contract.wire_counts import count_points
from runstream.errors import RunstreamError, Unauthenticated
from runstream.outbox.delivery_errors import RUN_NOT_FOUND, may_work_later
from runstream.spool import log_files
from runstream.spool.contents import check_contents, has_only_own
from runstream.spool.cursor import Cursor, read_cursor
from runstream.spool.file_locks import FileLock
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_files import Place
from runstream.spool.log_reader import Damage, LogReader
from runstream.spool.refused_log import to_batch_error
from runstream.spool.waiting_starts import WaitingStarts
from runstream.syncing.batch_stream import Answered, BatchStream, Pace, Server
from runstream.syncing.delivery_errors import is_lasting, undelivered_error
from runstream.syncing.folder_state import count_frames, find_end, has_frame, may_be_live
from runstream.syncing.results import FolderResult
from runstream.syncing.set_aside import SetAside
from runstream.syncing.task_frames import count_contents, parse_task
from runstream.transport.connection import Connection
from runstream.transport.status import error_of_batch
from runstream.v1.spool_pb2 import SpoolTask

#: Seconds without any answer after which the delivery of a folder gives up.
AWAY_SECONDS = 30.0

# Reasons why a task cannot be done with what is in the folder.
_INCOMPLETE = (FILE_MISSING, FILE_INCOMPLETE)

# Seconds of the first and of the longest pause before the next stream.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

# Reason of the error by which a server ends a stream for a message that it cannot read.
_MALFORMED = "MESSAGE_MALFORMED"


class SyncSession(Server, Protocol):
    """What a delivery needs of the session of a server."""

    @property
    def connection(self) -> Connection:
        """Makes calls."""


class FolderDelivery:
    """Delivers one folder; one thread uses it, with the threads of a stream at a time.

    With `delivery.lock` it moves the cursors, keeps what is refused and damaged, and removes what
    is answered. Without the lock it sends what is there, and leaves the folder as it is.

    Attributes:
        folder: the folder.
        result: what is delivered so far.
        places: up to where each log is delivered.
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
        self.folder = folder
        self.result = result
        self._session = session
        self._must_stop = must_stop
        self._pace = pace
        self._starts = starts
        self._unknown_runs: set[str] = set()  # those whose start was looked for
        self._lock: FileLock | None = None
        self._cursors: dict[str, Cursor] = {}
        self._set_aside = SetAside(folder, result)
        self._is_one_by_one = False
        self.places: dict[str, Place] = {}

    def lock(self, places: dict[str, Place] | None = None) -> None:
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
        self._set_aside.is_kept = self.is_locked
        self.result.is_live = may_be_live(self.folder)
        for log_name in ("batches", "tasks"):
            cursor = read_cursor(self.folder.path / log_name)
            known = cursor if self._lock is not None or places is None else places[log_name]
            self.places[log_name] = max(cursor, known)

    @property
    def is_locked(self) -> bool:
        """Whether this delivery has the lock, and not somebody else."""
        return self._lock is not None

    def has_work(self) -> bool:
        """Return whether there is something to deliver, or a folder to remove."""
        return (
            bool(log_files.count_bytes(self.folder.batches, self.places["batches"]))
            or bool(log_files.count_bytes(self.folder.tasks, self.places["tasks"]))
            or self._may_remove()
        )

    def close(self) -> None:
        """Let go of the files and of the lock."""
        for cursor in self._cursors.values():
            cursor.close()
        self._cursors.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def deliver(self) -> None:
        """Send what is there, do what is to be done, and remove the folder if nobody needs it.

        Raises:
            RunstreamError: the server did not take it; says how much was sent and is left.
            OSError: a file cannot be read or written.
        """
        ends = {name: find_end(self.folder.path / name) for name in self.places}
        try:
            self._deliver_batches()
            if not self._must_stop():
                self._do_tasks()
        except RunstreamError as error:
            raise self.fail(error) from None
        finally:
            self._set_aside.warn_of_refused()
        # What has come meanwhile is left to the process that writes it, or to the next delivery.
        is_all = self._must_stop() or not self.result.is_live
        count_left(self.folder, self.result, self.places, None if is_all else ends)
        if not (self.result.bytes_left or self.result.files_left) and self._may_remove():
            self._remove()

    def fail(self, error: RunstreamError) -> RunstreamError:
        """Return an error of the server with what is left, which the result says from now on."""
        self.result.error = str(error)
        count_left(self.folder, self.result, self.places)
        return undelivered_error(error, self.result)

    def _may_remove(self) -> bool:
        """Return whether the folder may go once all of it is delivered."""
        is_ours = self._lock is not None and not self.result.is_live
        is_for_people = self.folder.refused.exists() or self.folder.damaged.exists()
        return is_ours and not is_for_people and has_only_own(self.folder.path)

    def _remove(self) -> None:
        """Remove the folder, if reading it once more finds nothing in it."""
        if not any(has_frame(self.folder.path / name, self.places[name]) for name in self.places):
            self.folder.remove()
            self.result.is_removed = True

    # Batches

    def _deliver_batches(self) -> None:
        away_since: float | None = None
        pause = _FIRST_PAUSE
        while log_files.count_bytes(self.folder.batches, self.places["batches"]):
            stream = self._open_stream()
            stream.run(self._must_stop)
            if stream.error is None:
                self._move("batches", stream.end)
                return
            error, now = stream.error, time.monotonic()
            if self._refuse_malformed(stream, error):
                continue
            if error.reason == RUN_NOT_FOUND:
                if not self._has_sought_start(error):
                    raise error
                continue
            if stream.has_answered:
                away_since, pause = now, _FIRST_PAUSE
            else:
                error = self._session.connection.explain(error)
            away_since = now if away_since is None else away_since
            if self._must_stop():
                return
            # Where the token of a stream has expired, there may be a new one already.
            is_over = stream.has_answered and isinstance(error, Unauthenticated)
            if (is_lasting(error) and not is_over) or now - away_since > AWAY_SECONDS:
                raise error
            time.sleep(max(pause, error.retry_delay))
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _has_sought_start(self, error: RunstreamError) -> bool:
        """Send the start of a run that the server does not know; False if that was tried before.

        It may wait in a folder that is delivered later. If it is in none, the process that has it
        may have sent it meanwhile.

        Raises:
            RunstreamError: the server cannot be reached.
        """
        run_id = error.metadata.get("value", "")
        if error.reason != RUN_NOT_FOUND or run_id in self._unknown_runs:
            return False
        if self._starts is not None:
            send_start(self._session.connection, self._starts, run_id)
        self._unknown_runs.add(run_id)
        return True

    def _open_stream(self) -> BatchStream:
        keep_damage = partial(self._set_aside.keep_damage, "batches")
        return BatchStream(
            self._session,
            LogReader(self.folder.batches, self.places["batches"], keep_damage),
            self.result.is_live,
            self._record_answer,
            self._pace,
            is_one_by_one=self._is_one_by_one,
        )

    def _refuse_malformed(self, stream: BatchStream, error: RunstreamError) -> bool:
        """Set aside the batch for which a server ended a stream; return whether to go on.

        Such an error does not say which batch it is about. So if there are several without an
        answer, they are sent again, one by one.
        """
        if error.reason != _MALFORMED or (self._is_one_by_one and not stream.sole_unanswered):
            return False
        self._is_one_by_one = stream.sole_unanswered is None
        if stream.sole_unanswered is not None:
            message, end = stream.sole_unanswered
            self._record_answer(Answered(message, end, to_batch_error(error)))
        return True

    def _record_answer(self, answered: Answered) -> None:
        if answered.error is None:
            self.result.batches += 1
            self.result.points += _count_points(answered.message)
        else:
            error = error_of_batch(answered.error)
            if self._may_be_known_later(error):
                raise error  # which ends the stream in front of this batch
            self._set_aside.refuse(answered.error, answered.message)
        self._move("batches", answered.end)

    def _may_be_known_later(self, error: RunstreamError) -> bool:
        """Return whether what the server does not know, or what is not here, may still come.

        Where something may still be written to the folder, it may be a copy that is not complete.
        """
        if error.reason in _INCOMPLETE:
            return self.result.is_live
        is_sought = error.metadata.get("value", "") in self._unknown_runs
        return error.reason == RUN_NOT_FOUND and (self.result.is_live or not is_sought)

    # Tasks

    def _do_tasks(self) -> None:
        contents = Counter[str]()
        if self._lock is not None and not self.result.is_live:  # else its process may add tasks
            contents = count_contents(self.folder, self.places["tasks"])
        keep_damage = partial(self._set_aside.keep_damage, "tasks")
        reader = LogReader(self.folder.tasks, self.places["tasks"], keep_damage)
        try:
            while not self._must_stop():
                frame = reader.next(self.result.is_live)
                if frame is None:
                    break
                self._deliver_batches()  # those that were written before the task
                if self._must_stop():
                    return
                task = parse_task(frame)
                if isinstance(task, Damage):
                    keep_damage(task)
                    self._move("tasks", frame.end)
                    continue
                is_done = self._do_task(task)
                self._move("tasks", frame.end)
                contents[task.upload.file] -= 1
                if is_done and contents[task.upload.file] == 0:
                    self._remove_content(task)
            else:
                return
        finally:
            reader.close()
        self._move("tasks", reader.place)

    def _do_task(self, task: SpoolTask) -> bool:
        """Do a task; return False if the server refused it, upon which its content is kept."""
        try:
            self.result.files += do_task(
                self._session.connection, task, self.folder.files, self._wait_for_turn
            )
        except RunstreamError as error:
            if may_work_later(error):
                raise
            if self._lock is None and error.reason == FILE_MISSING:
                return False  # the process that has the lock has done it, and removed the file
            if self._has_sought_start(error):
                return self._do_task(task)
            if self._may_be_known_later(error):
                raise
            self._set_aside.refuse(to_batch_error(error), task)
            return False
        return True

    def _remove_content(self, task: SpoolTask) -> None:
        if task.HasField("upload"):
            with suppress(OSError):  # the rest goes with the folder
                (self.folder.files / Path(task.upload.file).name).unlink()

    def _wait_for_turn(self, size: int) -> None:
        while self._pace and not self._must_stop() and (pause := self._pace.seconds_until(size)):
            time.sleep(pause)

    # What is left

    def _move(self, name: str, place: Place) -> None:
        if place == self.places[name]:
            return
        self.places[name] = place
        if self._lock is not None:
            if name not in self._cursors:
                self._cursors[name] = Cursor(self.folder.path / name)
            self._cursors[name].move(place)


def count_left(
    folder: SpoolFolder,
    result: FolderResult,
    places: Mapping[str, Place],
    ends: Mapping[str, Place] | None = None,
) -> None:
    """Count what of a folder is not delivered.

    Args:
        folder: the folder.
        result: where to count.
        places: up to where each log is delivered.
        ends: up to where to count; all that is there, if left out.
    """
    batches, tasks = places["batches"], places["tasks"]
    if ends is None:
        result.bytes_left = log_files.count_bytes(folder.batches, batches)
        result.files_left, _ = count_frames(folder.tasks, tasks)
    else:
        _, result.bytes_left = count_frames(folder.batches, batches, ends["batches"])
        result.files_left, _ = count_frames(folder.tasks, tasks, ends["tasks"])


def _count_points(message: bytes) -> int:
    try:
        return count_points(message)
    except ValueError:  # the server took it, so that is our fault
        return 0
