"""The runs that the server said it has started, until a call takes the answer."""

from __future__ import annotations

from collections.abc import Iterable

from runstream import entities
from runstream.v1 import run_pb2

# Answers that are kept. A run that was started while the server was away may have ended before
# its answer came, and nobody takes that.
_MAX_RUNS = 1_000


class StartedRuns:
    """The answers to starts and resumptions of runs.

    The thread of a stream adds; any thread takes. No lock is needed: a dictionary changes by one
    step in C.
    """

    def __init__(self) -> None:
        self._runs: dict[str, run_pb2.RunInfo] = {}

    def add(self, runs: Iterable[run_pb2.RunInfo]) -> None:
        """Keep those of some runs that are running: one that has ended does not start."""
        for run in runs:
            if run.status == run_pb2.RunStatus.RUNNING:
                self._runs[run.run_id] = run
        for run_id in list(self._runs)[:-_MAX_RUNS]:
            self._runs.pop(run_id, None)

    def take(self, run_id: str) -> entities.RunInfo | None:
        """Return a run as the server answered its last start, once; None if there is none."""
        run = self._runs.pop(run_id, None)
        return None if run is None else entities.RunInfo.from_proto(run)
