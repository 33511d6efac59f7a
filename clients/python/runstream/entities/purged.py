"""The counts of a purge."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.v1 import maintenance_service_pb2


@dataclass(frozen=True)
class Purged:
    """Counts of what a purge has removed up to now, or would remove (E5).

    Attributes:
        experiments: experiments.
        runs: runs.
        points: points of metrics.
        logged_models: logged models.
        artifacts: artifact files, counted once where several runs or models have the same content.
        artifact_bytes: bytes of these files.
        model_versions: versions of registered models that have files of something deleted, which
            stays therefore.
    """

    experiments: int
    runs: int
    points: int
    logged_models: int
    artifacts: int
    artifact_bytes: int
    model_versions: int = 0

    @classmethod
    def from_proto(cls, message: maintenance_service_pb2.PurgeResponse) -> Purged:
        """Convert the message of the contract."""
        return cls(
            experiments=message.experiments,
            runs=message.runs,
            points=message.points,
            logged_models=message.logged_models,
            artifacts=message.artifacts,
            artifact_bytes=message.artifact_bytes,
            model_versions=message.model_versions,
        )
