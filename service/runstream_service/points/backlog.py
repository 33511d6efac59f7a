"""Which runs have points in their tails that may be sealed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from peewee import fn

from runstream_service.engine.engine import Engine
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run, TailRow

#: Points, points for each series, and rows of a tail that are worth a step of the sealer.
SEAL_POINTS = 16_384
SEAL_SERIES_POINTS = 64
SEAL_ROWS = 1_024

#: Points of tails that wait for the sealer, of all runs, beyond which those who log wait.
MAX_WAITING_POINTS = 4_000_000

#: Seconds without a point after which a tail is quiet, and after which that of a run that has ended
#: is. All is sealed then that is worth a chunk.
IDLE_SECONDS = 60.0
ENDED_SECONDS = 1.0

#: Seconds between two looks for quiet tails.
LOOK_SECONDS = 5.0

# After a quiet tail the sealer rests so many times as long as that took. There may be thousands of
# them, of short runs, and the sealer has processor and disk in common with those who log.
_REST = 2.0

_WAITING = Statement(
    TailRow.select(TailRow.run, fn.COUNT(TailRow.id), fn.SUM(TailRow.count))
    .where(~TailRow.is_rest)
    .group_by(TailRow.run)
)
_ENDED = Statement(Run.select(Run.id).where(Run.id.in_(ANY_IDS) & (Run.status > 0)))


@dataclass(slots=True)
class _Tail:
    """The points of a tail that the sealer has not seen.

    Attributes:
        limit: points at which it is sealed.
        waits: whether its points count among those that wait, until it was sealed.
    """

    limit: int
    points: int = 0
    rows: int = 0
    last_append: float = 0.0
    waits: bool = False

    @property
    def is_long(self) -> bool:
        return self.points >= self.limit or self.rows >= SEAL_ROWS


class Backlog:
    """Points and rows of tails that came since they were sealed; any thread may use it.

    A run is forgotten when its tail was sealed because it is quiet.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin with nothing; `load` reads what a server before this one left."""
        self._engine = engine
        self._changed = threading.Condition()
        self._tails: dict[int, _Tail] = {}
        self._long: OrderedDict[int, None] = OrderedDict()  # in the order in which they became so
        self._quiet: OrderedDict[int, float] = OrderedDict()  # with the time of the last append
        self._failed: set[int] = set()
        self._waiting_points = 0
        self._next_look = self._next_quiet = self._taken_at = 0.0
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether the sealer has fallen so far behind that those who log have to wait."""
        return self._waiting_points > MAX_WAITING_POINTS

    @property
    def waiting_points(self) -> int:
        """How many points of long tails wait until they are sealed."""
        return self._waiting_points

    def count_runs(self) -> int:
        """Return how many runs have points in their tails that the sealer has not seen."""
        return len(self._tails)

    def load(self) -> None:
        """Read what waits in the database."""
        with self._engine.read_transaction():
            waiting = _WAITING.rows()
        for run, rows, points in waiting:
            self.add(run, points, rows)

    def add(self, run: int, points: int, rows: int = 1) -> None:
        """Count points that the tail of a run gets."""
        with self._changed:
            tail = self._tails.get(run)
            if tail is None:
                tail = self._tails[run] = _Tail(limit=SEAL_POINTS)
            tail.last_append = time.monotonic()
            self._count(tail, tail.points + points, tail.rows + rows)
            if tail.is_long and not tail.waits:
                self._append_long(run, tail)

    def recount(self, run: int, points: int, rows: int) -> None:
        """Say what the tail of a run has that the sealer has not seen, on the writer's thread."""
        with self._changed:
            tail = self._tails.get(run)
            if tail is not None:
                self._count(tail, points, rows)

    def take(self) -> tuple[int, bool] | None:
        """Wait for a run whose tail is to be sealed.

        Its points wait until `finish` is called, which must be.

        Returns:
            The run, and whether its tail is quiet; None once `close` was called.
        """
        while True:
            with self._changed:
                if self._closed:
                    return None
                taken = self._take_long() or self._take_quiet()
                if taken is not None:
                    return taken
                pause = (self._next_quiet if self._quiet else self._next_look) - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
                    continue
                self._next_look = time.monotonic() + LOOK_SECONDS
                for run in self._failed:
                    self._long[run] = None
                self._failed.clear()
                silent = self._silent_since(ENDED_SECONDS)
            self._find_quiet(silent)

    def finish(self, run: int, series: int, *, failed: bool, is_quiet: bool) -> None:
        """Say that the run which was taken was sealed; `recount` was called, unless that failed.

        Args:
            run: the run.
            series: how many series the tail has, which decides when it is sealed again.
            failed: whether it could not be sealed: its points wait until the next look.
            is_quiet: what `take` returned.
        """
        now = time.monotonic()
        with self._changed:
            self._next_quiet = now + _REST * (now - self._taken_at)
            tail = self._tails[run]
            if failed:
                self._failed.add(run)
                return
            tail.limit = max(SEAL_POINTS, SEAL_SERIES_POINTS * series)
            if tail.is_long:
                self._append_long(run, tail)
                return
            self._set_waits(tail, waits=False)
            if is_quiet and tail.last_append <= self._taken_at:
                del self._tails[run]

    def rest(self) -> None:
        """Wait until the next look, because the database failed, or until `close` is called."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, LOOK_SECONDS)

    def close(self) -> None:
        """End `take` and `rest`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take_long(self) -> tuple[int, bool] | None:
        if not self._long:
            return None
        run, _ = self._long.popitem(last=False)
        self._taken_at = time.monotonic()
        return run, False

    def _take_quiet(self) -> tuple[int, bool] | None:
        now = time.monotonic()
        while self._quiet and self._next_quiet <= now:
            run, last_append = self._quiet.popitem(last=False)
            tail = self._tails.get(run)
            if tail is not None and tail.last_append == last_append and not tail.waits:
                self._taken_at = now
                self._set_waits(tail, waits=True)
                return run, True
        return None

    def _append_long(self, run: int, tail: _Tail) -> None:
        self._long[run] = None
        self._set_waits(tail, waits=True)
        self._changed.notify()

    def _set_waits(self, tail: _Tail, *, waits: bool) -> None:
        self._waiting_points += tail.points * (waits - tail.waits)
        tail.waits = waits

    def _count(self, tail: _Tail, points: int, rows: int) -> None:
        self._waiting_points += (points - tail.points) * tail.waits
        tail.points, tail.rows = points, rows

    def _silent_since(self, seconds: float) -> dict[int, float]:
        """Return the runs to which nothing came for so long, and the times of the last appends."""
        latest = time.monotonic() - seconds
        tails = self._tails.items()
        return {run: tail.last_append for run, tail in tails if tail.last_append <= latest}

    def _find_quiet(self, silent: dict[int, float]) -> None:
        """Find out which of the silent runs have ended, or are silent for long."""
        if not silent:
            return
        with self._engine.read_transaction():
            ended = {run for (run,) in _ENDED.rows(array_of(silent), RunStatus.SCHEDULED)}
        idle = time.monotonic() - IDLE_SECONDS
        for run, last_append in silent.items():
            if run in ended or last_append <= idle:
                self._quiet[run] = last_append
