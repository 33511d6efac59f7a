"""Which runs have points in their tails that may be sealed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from peewee import fn

from runstream_service.engine.statements import compile_sql
from runstream_service.engine.tables import TailRow, database

#: Points, points for each series, and rows of a tail that are worth a step of the sealer.
SEAL_POINTS = 16_384
SEAL_SERIES_POINTS = 64
SEAL_ROWS = 1_024

#: Points that wait to be sealed, of all runs, beyond which those who log wait.
MOST_POINTS = 4_000_000

#: Seconds without a point after which all is sealed that is worth a chunk.
IDLE_SECONDS = 60.0

_WAITING = compile_sql(
    TailRow.select(TailRow.run, fn.COUNT(TailRow.id), fn.SUM(TailRow.count))
    .where(~TailRow.is_rest)
    .group_by(TailRow.run)
)


@dataclass(slots=True)
class _Tail:
    """What came to the tail of a run since it was sealed."""

    limit: int  # points at which it is sealed again
    points: int = 0
    rows: int = 0
    last_append: float = 0.0


class Backlog:
    """Points and rows of tails that came since they were sealed; any thread may use it.

    A run is forgotten when it was sealed after nothing came for a while.
    """

    def __init__(self) -> None:
        """Begin with nothing; `load` reads what a server before this one left."""
        self._changed = threading.Condition()
        self._tails: dict[int, _Tail] = {}
        self._long: dict[
            int, None
        ] = {}  # runs whose tails are long, in the order in which they became so
        self._points = 0
        self._next_look = 0.0
        self._closed = False

    def load(self) -> None:
        """Read what waits in the database."""
        for run, rows, points in database.execute_sql(_WAITING).fetchall():
            self.add(run, points, rows)

    def add(self, run: int, points: int, rows: int = 1) -> None:
        """Count points that the tail of a run gets."""
        with self._changed:
            tail = self._tails.get(run)
            if tail is None:
                tail = self._tails[run] = _Tail(limit=SEAL_POINTS)
            tail.points += points
            self._points += points
            tail.rows += rows
            tail.last_append = time.monotonic()
            if run not in self._long and (tail.points >= tail.limit or tail.rows >= SEAL_ROWS):
                self._long[run] = None
                self._changed.notify()

    def take(self) -> tuple[int, bool] | None:
        """Wait for a run whose tail is to be sealed, and count from zero again for it.

        Returns:
            The run, and whether nothing came for a while; None once `close` was called.
        """
        with self._changed:
            while not self._closed:
                if self._long:
                    run = next(iter(self._long))
                    del self._long[run]
                    self._points -= self._tails[run].points
                    self._tails[run].points = self._tails[run].rows = 0
                    return run, False
                idle = self._find_idle()
                if idle is not None:
                    self._points -= self._tails.pop(idle).points
                    return idle, True
                self._changed.wait(max(0.0, self._next_look - time.monotonic()))
        return None

    @property
    def is_full(self) -> bool:
        """Whether the sealer has fallen so far behind that those who log have to wait."""
        return self._points > MOST_POINTS and bool(self._long)

    def set_series(self, run: int, series: int) -> None:
        """Set how many series the tail of a run has, which decides when it is sealed again."""
        with self._changed:
            if run in self._tails:
                self._tails[run].limit = max(SEAL_POINTS, SEAL_SERIES_POINTS * series)

    def close(self) -> None:
        """End `take`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _find_idle(self) -> int | None:
        now = time.monotonic()
        if now < self._next_look:
            return None
        for run, tail in self._tails.items():
            if tail.last_append + IDLE_SECONDS < now:
                return run
        self._next_look = now + IDLE_SECONDS / 4
        return None
