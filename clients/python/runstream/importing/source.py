"""The protocol of a source of an import: its experiments, runs, points, models and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from runstream.entities import DatasetInput

#: Takes note of what could not be copied: what it is, and why.
Note = Callable[[str, str], None]


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
    model_inputs: Sequence[str] = ()
    model_outputs: Sequence[tuple[str, int]] = ()


class ModelPoint(NamedTuple):
    """A point of a run that measures a model; without a dataset, both its texts are empty."""

    run_id: str
    key: str
    value: float
    timestamp: int
    step: int
    dataset: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class SourceModel:
    """An active logged model of a source."""

    model_id: str
    name: str
    model_type: str
    source_run_id: str
    status: str
    artifact_uri: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[ModelPoint] = ()


class PointColumns(NamedTuple):
    """Points in columns: the arguments of `TrackingClient.log_columns`."""

    keys: Sequence[str]
    key: Sequence[int]
    step: Sequence[int]
    timestamp: Sequence[int]
    value: Sequence[float]


class ArtifactFiles(NamedTuple):
    """Files of this machine below a folder, all of which lie in `root` once links are resolved."""

    folder: Path
    root: Path


class Source(Protocol):
    """The source of an import. What cannot be read is left out and passed to `note`."""

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the active runs of an experiment, oldest first."""

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts."""

    def read_models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment."""

    def open_artifacts(self, owner: str, uri: str) -> AbstractContextManager[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model as files, None if it has none.

        Raises:
            RunstreamError, OSError: they cannot be read.
        """
