"""What a batch says of its run besides points, params, tags and lines of the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class RunStart:
    """The start of a run.

    Attributes:
        experiment_id: the experiment, unless it has a name here.
        experiment_name: an experiment, which is created if there is none of this name.
        name: of the run, also where the caller gives it by a tag; "" if the caller gives none.
        heartbeat: whether it is the first heartbeat of the run.
    """

    experiment_id: str
    experiment_name: str
    user_id: str
    name: str
    start_time: int
    heartbeat: bool


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """The changes of a run that a caller asks for; 0, None and "" leave a field as it is."""

    status: int
    end_time: int | None
    name: str
    heartbeat: bool


@dataclass(frozen=True)
class DatasetInput:
    """A dataset and the tags of its use by one run."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    tags: Mapping[str, str] = field(kw_only=True)


class ModelOutput(NamedTuple):
    """A model and the step at which a run made it."""

    model_id: str
    step: int


class RaisedAlert(NamedTuple):
    """An alert that a program raises; the level is that of the contract."""

    title: str
    text: str
    level: int


@dataclass(frozen=True, slots=True)
class CatalogWrites:
    """The start of a run, tags to delete, what it read and made, and what changes of it.

    Attributes:
        start: applied before all else of the batch.
        deleted_tags: deleted before tags are set.
        model_inputs: the ids of models that the run read.
        alerts: raised, each once.
        update: applied after all else.
    """

    start: RunStart | None = None
    deleted_tags: Sequence[str] = ()
    datasets: Sequence[DatasetInput] = ()
    model_inputs: Sequence[str] = ()
    model_outputs: Sequence[ModelOutput] = ()
    alerts: Sequence[RaisedAlert] = ()
    update: RunUpdate | None = None

    def __len__(self) -> int:
        """Return how many entries it has."""
        inputs = len(self.datasets) + len(self.model_inputs)
        parts = (self.start is not None) + (self.update is not None)
        lists = len(self.deleted_tags) + len(self.model_outputs) + len(self.alerts)
        return parts + inputs + lists
