"""What a source of an import tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from runstream.entities import DatasetInput
from runstream.errors import RunstreamError, Unavailable


@dataclass(frozen=True)
class SourceExperiment:
    """An active experiment of a source, by the id that it has there."""

    id: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceRun:
    """An active run of a source; times are in milliseconds since the epoch."""

    run_id: str
    name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: Sequence[DatasetInput] = ()


class Points(NamedTuple):
    """Points in columns, as `TrackingClient.log_columns` takes them."""

    keys: Sequence[str]
    key: Sequence[int]
    step: Sequence[int]
    timestamp: Sequence[int]
    value: Sequence[float]


class Source(Protocol):
    """Where an import comes from."""

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""

    def run_ids(self, experiment: SourceExperiment) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""

    def run(self, run_id: str) -> SourceRun:
        """Return a run."""

    def points(self, run: SourceRun) -> Iterator[Points]:
        """Yield all points of a run, in parts."""

    def artifacts(self, run: SourceRun) -> AbstractContextManager[Path | None]:
        """Make a folder of all artifacts of a run, None if it has none.

        Raises:
            RunstreamError, OSError: they cannot be had.
        """


def unreachable(uri: str) -> RunstreamError:
    """Return the error that says that artifacts are where this program cannot go."""
    return Unavailable(f"the artifacts are at {uri}, which is not on this machine")


def local_folder(uri: str) -> Path | None:
    """Return the folder of an artifact URI of this machine, None if there is nothing.

    Raises:
        Unavailable: it is elsewhere.
    """
    if uri.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        path = Path(unquote(urlsplit(uri).path))
    elif "://" in uri or uri.startswith("mlflow-artifacts:"):
        raise unreachable(uri)
    else:
        path = Path(uri)
    return path if path.is_dir() and any(path.iterdir()) else None
