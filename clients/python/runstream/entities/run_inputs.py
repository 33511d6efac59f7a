"""What a run read, and what it made."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.entities.dataset import DatasetInput
from runstream.v1 import run_pb2


@dataclass(frozen=True)
class LoggedModelInput:
    """A model that a run read."""

    model_id: str


@dataclass(frozen=True)
class LoggedModelOutput:
    """A model that a run made, and the training step after which it did."""

    model_id: str
    step: int


@dataclass(frozen=True)
class RunInputs:
    """The inputs of a run, in the order in which they were logged."""

    dataset_inputs: tuple[DatasetInput, ...]
    model_inputs: tuple[LoggedModelInput, ...] = ()

    @classmethod
    def from_proto(cls, message: run_pb2.RunInputs) -> RunInputs:
        """Convert the message of the contract."""
        return cls(
            tuple(map(DatasetInput.from_proto, message.dataset_inputs)),
            tuple(LoggedModelInput(model.model_id) for model in message.model_inputs),
        )


@dataclass(frozen=True)
class RunOutputs:
    """The outputs of a run, in the order in which they were logged."""

    model_outputs: tuple[LoggedModelOutput, ...]

    @classmethod
    def from_proto(cls, message: run_pb2.RunOutputs) -> RunOutputs:
        """Convert the message of the contract."""
        models = message.model_outputs
        return cls(tuple(LoggedModelOutput(model.model_id, model.step) for model in models))
