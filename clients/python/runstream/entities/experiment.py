"""An experiment, which is a named group of runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from runstream.entities.grant import grant_role_name
from runstream.entities.notebook_html import properties_table, time_text
from runstream.v1 import experiment_pb2


@dataclass(frozen=True)
class Experiment:
    """A named group of runs.

    Attributes:
        experiment_id: decimal digits.
        name: unique among all experiments.
        artifact_location: URI under which the artifacts of its runs are stored.
        lifecycle_stage: `active` or `deleted`.
        creation_time: milliseconds since the epoch.
        last_update_time: milliseconds since the epoch.
        tags: its tags, by key.
        deleted_by: who deleted it; None if it is active, or if the server did not know.
        role: what the caller may do with it: `reader`, `writer` or `owner`; empty, if the server
            is too old to say.
    """

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int
    tags: dict[str, str] = field(default_factory=dict)
    deleted_by: str | None = None
    role: str = ""

    def _repr_html_(self) -> str:
        """Return the experiment as a table for a notebook."""
        properties = {
            "id": self.experiment_id,
            "stage": self.lifecycle_stage,
            "created": time_text(self.creation_time),
            "artifacts": self.artifact_location,
        }
        return properties_table(f"Experiment {self.name}", properties | self.tags)

    @classmethod
    def from_proto(cls, message: experiment_pb2.Experiment) -> Experiment:
        """Convert the message of the contract."""
        return cls(
            experiment_id=message.experiment_id,
            name=message.name,
            artifact_location=message.artifact_location,
            lifecycle_stage=message.lifecycle_stage,
            creation_time=message.creation_time,
            last_update_time=message.last_update_time,
            tags={tag.key: tag.value for tag in message.tags},
            deleted_by=message.deleted_by or None,
            role=grant_role_name(message.role) if message.role else "",
        )
