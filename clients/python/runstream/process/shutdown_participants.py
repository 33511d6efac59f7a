"""Protocols of the sessions, open runs and starts of runs that the end of the program ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from runstream.errors import RunstreamError


class Session(Protocol):
    """The session of one server: what was logged to it and is not delivered yet.

    Attributes:
        uri: tracking URI of the server.
        is_offline: whether there is no server to send it to.
        folder_uri: tracking URI of the server that its folder names; empty if it names none.
        announced: how much was on disk when the end of a client said so, by run.
    """

    uri: str
    is_offline: bool
    folder_uri: str

    @property
    def announced(self) -> Mapping[str, object]: ...

    def wake(self) -> None:
        """Start sending what was logged."""

    def drain(
        self, answer_timeout: float, limit: float, away_timeout: float
    ) -> RunstreamError | None:
        """Wait until all is answered; return the error if it is not.

        Args:
            answer_timeout: seconds without an answer after which to give up.
            limit: seconds after which to give up.
            away_timeout: seconds after which to give up if the stream is broken and all is on disk.
        """

    def stream_error(self) -> RunstreamError | None:
        """Return why the stream broke, if it does not work."""

    def limit_calls(self, deadline: float) -> None:
        """Let calls fail at this time at the latest, by `time.monotonic`."""

    def raise_refusals(self) -> None:
        """Raise what the server refused, if it was not raised before."""

    def saved(self) -> Mapping[str, object]:
        """Return how much that has no answer is on disk, by run."""

    def unsaved(self) -> Mapping[str, object]:
        """Return how much that has no answer is in the memory of this process alone, by run."""

    def spool_folder(self) -> Path | None:
        """Return the folder that has the rest of it."""

    def kept_refusals(self) -> tuple[Mapping[str, int], Path | None]:
        """Return how much the server refused that is kept, by run, and the folder that has it."""

    def leave_spool(self) -> None:
        """Leave the folder to other processes, or remove it if all is answered."""

    def close(self) -> None:
        """Close the session."""


class OpenRun(Protocol):
    """A run that this process started, or that of its parent process."""

    @property
    def run_id(self) -> str:
        """Id of the run."""

    @property
    def tracking_uri(self) -> str:
        """The server that has it."""

    @property
    def is_started_here(self) -> bool:
        """Whether this process started the run."""

    def end_at_exit(self, status: str) -> None:
        """End the run; raises RunstreamError."""

    def release(self) -> None:
        """Log no more to the run, because another call ends it."""


class RunStart(Protocol):
    """A request that makes a run RUNNING, until a caller has the run.

    Attributes:
        run_id: the run.
        tracking_uri: the server that has it.
    """

    run_id: str
    tracking_uri: str

    def end(self, status: str, seconds: float) -> None:
        """End the run, whether its start has arrived or not; raises RunstreamError."""
