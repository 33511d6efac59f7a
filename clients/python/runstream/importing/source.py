"""What a source offers to an import: its experiments, runs, points, models and files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from runstream.entities import DatasetInput, Run
from runstream.importing.import_tags import COMPLETE_TAG

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
    """An active run of a source; times are in milliseconds since the epoch.

    Attributes:
        run_id: the id that it has here: that of the source if it is 32 lower-case hexadecimal
            digits, else one of `derive_run_id`.
        source_id: the id that it has there, if that is another.
        url: its page there, if it has one.
        position: how far it goes by now, which is the tag `runstream.import.position` once it was
            copied whole, for `Source.has_more`.
    """

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
    source_id: str = ""
    url: str = ""
    position: str = ""


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


class SourceLine(NamedTuple):
    """A line of a console, without its end; `stream` is `stdout` or `stderr`."""

    stream: str
    timestamp: int
    text: str


class SourceDocument(NamedTuple):
    """A report or a view of an experiment; see `runstream.entities.Document`."""

    kind: str
    title: str
    text: str
    is_default: bool = False


class ArtifactFiles(NamedTuple):
    """Files of this machine below a folder, all of which lie in `root` once links are resolved."""

    folder: Path
    root: Path


class Source(ABC):
    """The source of an import. What cannot be read is left out and passed to `note`.

    A source is a subclass, and has those methods of the last ones of which its tracker knows
    anything. All are called on one thread, but for `open_artifacts`, and a run is read whole before
    the next one.
    """

    #: What the tracker is called in the tag `runstream.import.tracker`, such as `mlflow`.
    tracker: str

    #: Whether runs stay as they are there, because they come of another Runstream: they get no tags
    #: of an import, and one that has ended there and here at the same time is complete.
    is_exact = False

    @abstractmethod
    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield the active experiments."""

    @abstractmethod
    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids (`SourceRun.run_id`) of the active runs of an experiment, oldest first."""

    @abstractmethod
    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""

    @abstractmethod
    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield all points of a run, in parts of at most about 100,000."""

    @abstractmethod
    def open_artifacts(self, owner: str, uri: str) -> AbstractContextManager[ArtifactFiles | None]:
        """Provide the artifacts of a run or a model as files, None if it has none.

        Args:
            owner: the id of the run or model.
            uri: its `artifact_uri`.

        Raises:
            RunstreamError, OSError: they cannot be read.
        """

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        """Yield the lines of the console of a run, always the same ones in the same order."""
        return iter(())

    def is_complete(self, there: Run) -> bool:
        """Return whether a run was copied whole, as what it is here says."""
        tags = there.data.tags
        if tags.get(COMPLETE_TAG) != "complete":
            return False
        return not self.has_more(there.info.run_id, tags)

    def has_more(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether a run that has ended and was copied whole has more by now.

        Args:
            run_id: the run.
            tags: those that it has here, which an earlier import copied of `SourceRun.tags`, and
                its `SourceRun.position`.
        """
        return False

    def read_models(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceModel]:
        """Yield the active logged models of an experiment."""
        return iter(())

    def read_documents(self, experiment: SourceExperiment, note: Note) -> Iterator[SourceDocument]:
        """Yield the reports and views of an experiment."""
        return iter(())

    def count_left_out(self) -> Mapping[str, int]:
        """Return what was read, or is there, and is left out on purpose: what and why, how many.

        It is called at the end.
        """
        return {}
