"""Calls of the model registry that many tests make."""

from __future__ import annotations

from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.model_version_pb2 import ModelVersion, ModelVersionTag
from runstream.v1.registered_model_pb2 import RegisteredModelTag
from support.api import Api


def register(api: Api, name: str, **tags: str) -> str:
    """Create a registered model and return its name."""
    pairs = [RegisteredModelTag(key=key, value=value) for key, value in tags.items()]
    request = pb.CreateRegisteredModelRequest(name=name, tags=pairs)
    return api.registry.CreateRegisteredModel(request).registered_model.name


def add_version(
    api: Api, name: str, source: str, run_id: str = "", model_id: str = "", **tags: str
) -> ModelVersion:
    """Create a version of a registered model."""
    pairs = [ModelVersionTag(key=key, value=value) for key, value in tags.items()]
    request = pb.CreateModelVersionRequest(
        name=name, source=source, run_id=run_id, model_id=model_id, tags=pairs
    )
    return api.registry.CreateModelVersion(request).model_version


def get_version(api: Api, name: str, version: int) -> ModelVersion:
    """Return a version."""
    request = pb.GetModelVersionRequest(name=name, version=str(version))
    return api.registry.GetModelVersion(request).model_version
