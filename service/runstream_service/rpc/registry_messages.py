"""Rows of the model registry as messages."""

from __future__ import annotations

from runstream.v1.access_service_pb2 import GrantRole
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.model_version_pb2 import (
    ModelParam,
    ModelVersion,
    ModelVersionStatus,
    ModelVersionTag,
)
from runstream.v1.registered_model_pb2 import (
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from runstream_service.catalog.model_versions import DescribedVersion
from runstream_service.catalog.registered_models import DescribedModel
from runstream_service.engine.statuses import STAGES


def registered_model(model: DescribedModel) -> RegisteredModel:
    """Return the message of a registered model."""
    row = model.row
    return RegisteredModel(
        name=row.name,
        creation_timestamp=row.creation_time,
        last_updated_timestamp=row.last_update_time,
        user_id=row.created_by,
        description=row.description,
        latest_versions=[model_version(version) for version in model.latest_versions],
        tags=[RegisteredModelTag(key=key, value=value) for key, value in model.tags],
        aliases=[
            RegisteredModelAlias(alias=alias, version=str(version))
            for alias, version in model.aliases
        ],
        role=GrantRole.ValueType(model.role),
    )


def model_version(version: DescribedVersion) -> ModelVersion:
    """Return the message of a version."""
    row = version.row
    return ModelVersion(
        name=version.name,
        version=str(row.version),
        creation_timestamp=row.creation_time,
        last_updated_timestamp=row.last_update_time,
        user_id=row.created_by,
        current_stage=STAGES[row.stage],
        description=row.description,
        source=row.source,
        run_id=row.source_run_id,
        status=ModelVersionStatus.ValueType(row.status),
        tags=[ModelVersionTag(key=key, value=value) for key, value in version.tags],
        run_link=row.run_link,
        aliases=version.aliases,
        model_id=version.model_id,
        model_params=[ModelParam(name=key, value=value) for key, value in version.params],
        model_metrics=[
            LoggedMetric(model_id=version.model_id, **point._asdict()) for point in version.metrics
        ],
        artifact_path=row.artifact_path,
        experiment_id=str(version.experiment_id),
    )
