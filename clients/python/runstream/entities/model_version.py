"""A version of a registered model."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.entities.logged_model import ModelMetric
from runstream.v1 import model_version_pb2
from runstream.v1.model_version_pb2 import ModelVersionStatus


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model, as it was when it was read.

    Attributes:
        name: the registered model that it is a version of.
        version: its number, as a text.
        creation_timestamp: milliseconds since the epoch.
        last_updated_timestamp: milliseconds since the epoch.
        user_id: who created it; empty, if the server did not know.
        current_stage: `None`, `Staging`, `Production` or `Archived`.
        description: text for people.
        source: URI of what it was created from.
        run_id: the run that made it; empty, if none did.
        status: `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
        status_message: why it cannot be used; empty if it can.
        tags: its tags, by key.
        run_link: a link to its run, as it was given.
        aliases: the aliases that lead to it.
        model_id: the logged model whose files it has; empty, if they are files of the run.
        artifact_path: where they are among the artifacts of the logged model or run; empty for all.
        experiment_id: the experiment that they belong to.
        params: params of the logged model, by key; empty in lists.
        metrics: what was measured of the logged model; empty in lists.
    """

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    current_stage: str
    description: str
    source: str
    run_id: str
    status: str
    status_message: str
    tags: dict[str, str]
    run_link: str
    aliases: tuple[str, ...]
    model_id: str
    artifact_path: str
    experiment_id: str
    params: dict[str, str]
    metrics: tuple[ModelMetric, ...]

    @classmethod
    def from_proto(cls, message: model_version_pb2.ModelVersion) -> ModelVersion:
        """Convert the message of the contract."""
        is_known = message.status in ModelVersionStatus.values()
        return cls(
            name=message.name,
            version=message.version,
            creation_timestamp=message.creation_timestamp,
            last_updated_timestamp=message.last_updated_timestamp,
            user_id=message.user_id,
            current_stage=message.current_stage,
            description=message.description,
            source=message.source,
            run_id=message.run_id,
            # A newer server may have one more.
            status=ModelVersionStatus.Name(message.status)
            if is_known
            else f"STATUS_{message.status}",
            status_message=message.status_message,
            tags={tag.key: tag.value for tag in message.tags},
            run_link=message.run_link,
            aliases=tuple(message.aliases),
            model_id=message.model_id,
            artifact_path=message.artifact_path,
            experiment_id=message.experiment_id,
            params={param.name: param.value for param in message.model_params},
            metrics=tuple(map(ModelMetric.from_proto, message.model_metrics)),
        )
