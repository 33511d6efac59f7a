"""Registered models and their versions as MLflow's entities."""

from __future__ import annotations

import inspect
from typing import Any

from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)

import runstream.entities
from runstream.mlflow_plugin.mlflow_entities import to_mlflow_location, to_model_metric

# MLflow 2 has no logged models.
_HAS_MODEL_ID = "model_id" in inspect.signature(ModelVersion).parameters


def to_registered_model(found: runstream.entities.RegisteredModel) -> RegisteredModel:
    """Convert a registered model."""
    return RegisteredModel(
        name=found.name,
        creation_timestamp=found.creation_timestamp,
        last_updated_timestamp=found.last_updated_timestamp,
        description=found.description,
        latest_versions=list(map(to_model_version, found.latest_versions)),
        tags=[RegisteredModelTag(key, value) for key, value in found.tags.items()],
        aliases=[RegisteredModelAlias(*pair) for pair in found.aliases.items()],
    )


def to_model_version(found: runstream.entities.ModelVersion) -> ModelVersion:
    """Convert a version."""
    return ModelVersion(
        name=found.name,
        version=found.version,
        creation_timestamp=found.creation_timestamp,
        last_updated_timestamp=found.last_updated_timestamp,
        description=found.description,
        user_id=found.user_id or None,
        current_stage=found.current_stage,
        source=to_mlflow_location(found.source),
        run_id=found.run_id or None,
        status=found.status,
        status_message=found.status_message,
        tags=[ModelVersionTag(key, value) for key, value in found.tags.items()],
        run_link=found.run_link or None,
        aliases=list(found.aliases),
        **(_of_logged_model(found) if _HAS_MODEL_ID else {}),
    )


def _of_logged_model(found: runstream.entities.ModelVersion) -> dict[str, Any]:
    from mlflow.entities import LoggedModelParameter

    return {
        "model_id": found.model_id or None,
        "params": [LoggedModelParameter(key, value) for key, value in found.params.items()],
        "metrics": [to_model_metric(point, found.model_id) for point in found.metrics],
    }
