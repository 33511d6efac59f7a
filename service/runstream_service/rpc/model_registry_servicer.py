"""ModelRegistryService."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from runstream.registry_rules import (
    REGISTERED_MODEL_TAG_CHARACTERS,
    check_new_alias,
    check_registered_model_alias,
    check_registered_model_name,
    parse_model_version,
)
from runstream.rules import MODEL_ID_CHARACTERS, check_key, check_text
from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.model_registry_service_pb2_grpc import ModelRegistryServiceServicer
from runstream.v1.model_version_pb2 import ModelVersionTag
from runstream.v1.registered_model_pb2 import RegisteredModelTag
from runstream_service.catalog import (
    model_version_updates,
    model_versions,
    registered_model_updates,
    registered_models,
)
from runstream_service.catalog.model_version_updates import NewVersion
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.rpc import registry_searches
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.registry_messages import model_version, registered_model
from runstream_service.rpc.write_id import write_id

T = TypeVar("T")

_LINK_CHARACTERS = 2_048


class ModelRegistryServicer(ModelRegistryServiceServicer):
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def CreateRegisteredModel(
        self, request: pb.CreateRegisteredModelRequest, context: CallContext
    ) -> pb.CreateRegisteredModelResponse:
        check_registered_model_name("name", request.name)
        check_text("description", request.description)
        model = await self._change(
            registered_model_updates.create,
            context,
            request,
            request.name,
            request.description,
            _pairs(request.tags),
        )
        return pb.CreateRegisteredModelResponse(registered_model=registered_model(model))

    async def GetRegisteredModel(
        self, request: pb.GetRegisteredModelRequest, context: CallContext
    ) -> pb.GetRegisteredModelResponse:
        name = _name(request)
        found = await self._readers.quick(registered_models.get, context.caller, name)
        return pb.GetRegisteredModelResponse(registered_model=registered_model(found))

    async def RenameRegisteredModel(
        self, request: pb.RenameRegisteredModelRequest, context: CallContext
    ) -> pb.RenameRegisteredModelResponse:
        check_registered_model_name("new_name", request.new_name)
        model = await self._change(
            registered_model_updates.rename, context, request, _name(request), request.new_name
        )
        return pb.RenameRegisteredModelResponse(registered_model=registered_model(model))

    async def UpdateRegisteredModel(
        self, request: pb.UpdateRegisteredModelRequest, context: CallContext
    ) -> pb.UpdateRegisteredModelResponse:
        check_text("description", request.description)
        model = await self._change(
            registered_model_updates.update, context, request, _name(request), request.description
        )
        return pb.UpdateRegisteredModelResponse(registered_model=registered_model(model))

    async def DeleteRegisteredModel(
        self, request: pb.DeleteRegisteredModelRequest, context: CallContext
    ) -> pb.DeleteRegisteredModelResponse:
        await self._change(registered_model_updates.delete, context, request, _name(request))
        return pb.DeleteRegisteredModelResponse()

    async def SearchRegisteredModels(
        self, request: pb.SearchRegisteredModelsRequest, context: CallContext
    ) -> pb.SearchRegisteredModelsResponse:
        return await self._readers.page(registry_searches.search_models, context.caller, request)

    async def GetLatestVersions(
        self, request: pb.GetLatestVersionsRequest, context: CallContext
    ) -> pb.GetLatestVersionsResponse:
        stages = [model_versions.parse_stage(stage) for stage in request.stages]
        found = await self._readers.quick(
            registered_models.latest_versions, context.caller, _name(request), stages
        )
        return pb.GetLatestVersionsResponse(model_versions=map(model_version, found))

    async def CreateModelVersion(
        self, request: pb.CreateModelVersionRequest, context: CallContext
    ) -> pb.CreateModelVersionResponse:
        check_text("run_id", request.run_id, MODEL_ID_CHARACTERS)
        check_text("model_id", request.model_id, MODEL_ID_CHARACTERS)
        check_text("run_link", request.run_link, _LINK_CHARACTERS)
        check_text("description", request.description)
        new = NewVersion(
            source=request.source,
            run_id=request.run_id,
            model_id=request.model_id,
            run_link=request.run_link,
            description=request.description,
            tags=_pairs(request.tags),
        )
        version = await self._change(
            model_version_updates.create, context, request, _name(request), new
        )
        return pb.CreateModelVersionResponse(model_version=model_version(version))

    async def GetModelVersion(
        self, request: pb.GetModelVersionRequest, context: CallContext
    ) -> pb.GetModelVersionResponse:
        found = await self._readers.quick(model_versions.get, context.caller, *_version(request))
        return pb.GetModelVersionResponse(model_version=model_version(found))

    async def UpdateModelVersion(
        self, request: pb.UpdateModelVersionRequest, context: CallContext
    ) -> pb.UpdateModelVersionResponse:
        check_text("description", request.description)
        version = await self._change(
            model_version_updates.update,
            context,
            request,
            *_version(request),
            request.description,
        )
        return pb.UpdateModelVersionResponse(model_version=model_version(version))

    async def DeleteModelVersion(
        self, request: pb.DeleteModelVersionRequest, context: CallContext
    ) -> pb.DeleteModelVersionResponse:
        await self._change(model_version_updates.delete, context, request, *_version(request))
        return pb.DeleteModelVersionResponse()

    async def SearchModelVersions(
        self, request: pb.SearchModelVersionsRequest, context: CallContext
    ) -> pb.SearchModelVersionsResponse:
        return await self._readers.page(registry_searches.search_versions, context.caller, request)

    async def GetModelVersionDownloadUri(
        self, request: pb.GetModelVersionDownloadUriRequest, context: CallContext
    ) -> pb.GetModelVersionDownloadUriResponse:
        uri = await self._readers.quick(
            model_versions.download_uri, context.caller, *_version(request)
        )
        return pb.GetModelVersionDownloadUriResponse(artifact_uri=uri)

    async def TransitionModelVersionStage(
        self, request: pb.TransitionModelVersionStageRequest, context: CallContext
    ) -> pb.TransitionModelVersionStageResponse:
        version = await self._change(
            model_version_updates.transition,
            context,
            request,
            *_version(request),
            model_versions.parse_stage(request.stage),
            request.archive_existing_versions,
        )
        return pb.TransitionModelVersionStageResponse(model_version=model_version(version))

    async def SetRegisteredModelTag(
        self, request: pb.SetRegisteredModelTagRequest, context: CallContext
    ) -> pb.SetRegisteredModelTagResponse:
        _check_tag(request.key, request.value)
        await self._change(
            registered_model_updates.set_tag,
            context,
            request,
            _name(request),
            request.key,
            request.value,
        )
        return pb.SetRegisteredModelTagResponse()

    async def DeleteRegisteredModelTag(
        self, request: pb.DeleteRegisteredModelTagRequest, context: CallContext
    ) -> pb.DeleteRegisteredModelTagResponse:
        check_key("key", request.key)
        await self._change(
            registered_model_updates.delete_tag, context, request, _name(request), request.key
        )
        return pb.DeleteRegisteredModelTagResponse()

    async def SetModelVersionTag(
        self, request: pb.SetModelVersionTagRequest, context: CallContext
    ) -> pb.SetModelVersionTagResponse:
        _check_tag(request.key, request.value)
        await self._change(
            model_version_updates.set_tag,
            context,
            request,
            *_version(request),
            request.key,
            request.value,
        )
        return pb.SetModelVersionTagResponse()

    async def DeleteModelVersionTag(
        self, request: pb.DeleteModelVersionTagRequest, context: CallContext
    ) -> pb.DeleteModelVersionTagResponse:
        check_key("key", request.key)
        await self._change(
            model_version_updates.delete_tag, context, request, *_version(request), request.key
        )
        return pb.DeleteModelVersionTagResponse()

    async def SetRegisteredModelAlias(
        self, request: pb.SetRegisteredModelAliasRequest, context: CallContext
    ) -> pb.SetRegisteredModelAliasResponse:
        check_new_alias("alias", request.alias)
        name, version = _version(request)
        await self._change(
            model_version_updates.set_alias, context, request, name, request.alias, version
        )
        return pb.SetRegisteredModelAliasResponse()

    async def DeleteRegisteredModelAlias(
        self, request: pb.DeleteRegisteredModelAliasRequest, context: CallContext
    ) -> pb.DeleteRegisteredModelAliasResponse:
        check_registered_model_alias("alias", request.alias)
        await self._change(
            model_version_updates.delete_alias, context, request, _name(request), request.alias
        )
        return pb.DeleteRegisteredModelAliasResponse()

    async def GetModelVersionByAlias(
        self, request: pb.GetModelVersionByAliasRequest, context: CallContext
    ) -> pb.GetModelVersionByAliasResponse:
        check_registered_model_alias("alias", request.alias)
        found = await self._readers.quick(
            model_versions.get_by_alias, context.caller, _name(request), request.alias
        )
        return pb.GetModelVersionByAliasResponse(model_version=model_version(found))

    async def _change(
        self, command: Callable[..., T], context: CallContext, request: Any, *args: Any
    ) -> T:
        """Run a command, whose last argument is the name of the write, on the writer's thread."""
        write = write_id(request.write)
        return await self._writer.submit(command, context.caller, *args, write)


def _name(request: Any) -> str:
    check_registered_model_name("name", request.name)
    return str(request.name)


def _version(request: Any) -> tuple[str, int]:
    return _name(request), parse_model_version("version", request.version)


def _pairs(tags: Iterable[RegisteredModelTag | ModelVersionTag]) -> list[tuple[str, str]]:
    for tag in tags:
        _check_tag(tag.key, tag.value)
    return [(tag.key, tag.value) for tag in tags]


def _check_tag(key: str, value: str) -> None:
    check_key("tags.key", key)
    check_text(f"tags.{key}", value, REGISTERED_MODEL_TAG_CHARACTERS)
