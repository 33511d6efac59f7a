"""A registered model: a name under which versions of a model are found."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.entities.model_version import ModelVersion
from runstream.v1 import registered_model_pb2


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model, as it was when it was read.

    Attributes:
        name: its name, unique on the server.
        creation_timestamp: milliseconds since the epoch.
        last_updated_timestamp: when it or one of its versions last changed, likewise.
        user_id: who created it; empty, if the server did not know.
        description: text for people.
        latest_versions: of each stage the version with the highest number, without params and
            metrics.
        tags: its tags, by key.
        aliases: the number of the version that an alias leads to, by alias.
    """

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str
    latest_versions: tuple[ModelVersion, ...]
    tags: dict[str, str]
    aliases: dict[str, str]

    @classmethod
    def from_proto(cls, message: registered_model_pb2.RegisteredModel) -> RegisteredModel:
        """Convert the message of the contract."""
        return cls(
            name=message.name,
            creation_timestamp=message.creation_timestamp,
            last_updated_timestamp=message.last_updated_timestamp,
            user_id=message.user_id,
            description=message.description,
            latest_versions=tuple(map(ModelVersion.from_proto, message.latest_versions)),
            tags={tag.key: tag.value for tag in message.tags},
            aliases={alias.alias: alias.version for alias in message.aliases},
        )
