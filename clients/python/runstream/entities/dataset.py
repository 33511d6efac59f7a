"""Datasets, and which of them a run read (P4)."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass

from runstream.contract.messages import new_message
from runstream.errors import InvalidArgument
from runstream.v1 import run_pb2


@dataclass(frozen=True)
class Dataset:
    """A reference to data (P4)."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


@dataclass(frozen=True)
class DatasetInput:
    """A dataset, and the tags of its use by one run."""

    dataset: Dataset
    tags: dict[str, str]

    def to_proto(self) -> run_pb2.DatasetInput:
        """Return the message of the contract; raises InvalidArgument if it is no dataset."""
        if not isinstance(self.dataset, Dataset):
            raise InvalidArgument(
                f"Invalid value {reprlib.repr(self.dataset)} for parameter 'dataset' supplied: "
                "it must be a dataset, such as runstream.data.from_pandas makes, "
                f"not {type(self.dataset).__name__}",
                reason="DATASET_MALFORMED",
                field="dataset",
                value=reprlib.repr(self.dataset),
                limit="a dataset",
            )
        return run_pb2.DatasetInput(
            tags=[
                new_message(run_pb2.InputTag, key=k, value=value) for k, value in self.tags.items()
            ],
            dataset=new_message(
                run_pb2.Dataset,
                name=self.dataset.name,
                digest=self.dataset.digest,
                source_type=self.dataset.source_type,
                source=self.dataset.source,
                schema=self.dataset.schema,
                profile=self.dataset.profile,
            ),
        )

    @classmethod
    def from_proto(cls, message: run_pb2.DatasetInput) -> DatasetInput:
        """Convert the message of the contract."""
        dataset = message.dataset
        return cls(
            Dataset(
                name=dataset.name,
                digest=dataset.digest,
                source_type=dataset.source_type,
                source=dataset.source,
                schema=dataset.schema,
                profile=dataset.profile,
            ),
            {tag.key: tag.value for tag in message.tags},
        )
