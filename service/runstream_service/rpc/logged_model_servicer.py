"""LoggedModelService."""

from __future__ import annotations

from collections.abc import Iterable

from runstream.errors import InvalidArgument, shorten
from runstream.rules import (
    MODEL_ID_CHARACTERS,
    check_artifact_path,
    check_key,
    check_logged_model_id,
    check_text,
)
from runstream.v1 import logged_model_service_pb2 as pb
from runstream.v1.logged_model_pb2 import (
    LoggedModel,
    LoggedModelData,
    LoggedModelInfo,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
)
from runstream.v1.logged_model_service_pb2_grpc import LoggedModelServiceServicer
from runstream.v1.metric_pb2 import LoggedMetric
from runstream_service.access.caller import Caller
from runstream_service.catalog import artifacts, experiments, logged_models
from runstream_service.engine.budget import PAGE_BYTES
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.rpc import messages
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.page_token import check_page_size, decode_page_token, encode_page_token
from runstream_service.rpc.write_id import write_id
from runstream_service.search.model_search import DatasetFilter, logged_model_search

PAGE_MODELS = 1_000
DEFAULT_MODELS = 50
PAGE_FILES = 1_000

# Models that are read by one statement.
_MODELS_AT_ONCE = 50

_FORBIDDEN_CHARACTERS = frozenset("/:.%\"'")
_FINAL_STATUSES = (
    LoggedModelStatus.LOGGED_MODEL_READY,
    LoggedModelStatus.LOGGED_MODEL_UPLOAD_FAILED,
)


class LoggedModelServicer(LoggedModelServiceServicer):
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def CreateLoggedModel(
        self, request: pb.CreateLoggedModelRequest, context: CallContext
    ) -> pb.CreateLoggedModelResponse:
        _check_name(request.name)
        check_text("model_type", request.model_type)
        if request.model_id:
            check_logged_model_id("model_id", request.model_id)
        check_text("source_run_id", request.source_run_id, MODEL_ID_CHARACTERS)
        created = await self._writer.submit(
            logged_models.create,
            context.caller,
            request.experiment_id or "0",
            request.name,
            request.model_type,
            request.source_run_id,
            _pairs("params", request.params),
            _pairs("tags", request.tags),
            request.model_id,
        )
        return pb.CreateLoggedModelResponse(model=_model_message(created))

    async def GetLoggedModel(
        self, request: pb.GetLoggedModelRequest, context: CallContext
    ) -> pb.GetLoggedModelResponse:
        found = await self._readers.quick(
            logged_models.get, context.caller, request.model_id, request.allow_deleted
        )
        return pb.GetLoggedModelResponse(model=_model_message(found))

    async def FinalizeLoggedModel(
        self, request: pb.FinalizeLoggedModelRequest, context: CallContext
    ) -> pb.FinalizeLoggedModelResponse:
        if request.status not in _FINAL_STATUSES:
            limit = " or ".join(map(LoggedModelStatus.Name, _FINAL_STATUSES))
            raise InvalidArgument(
                f"Invalid value {request.status} for parameter 'status' supplied: "
                f"it must be {limit}",
                reason="STATUS_UNKNOWN",
                field="status",
                value=request.status,
                limit=limit,
            )
        write = write_id(request.write)
        model = await self._writer.submit(
            logged_models.finalize, context.caller, request.model_id, request.status, write
        )
        return pb.FinalizeLoggedModelResponse(model=_model_message(model))

    async def DeleteLoggedModel(
        self, request: pb.DeleteLoggedModelRequest, context: CallContext
    ) -> pb.DeleteLoggedModelResponse:
        await self._writer.submit(
            logged_models.delete, context.caller, request.model_id, write_id(request.write)
        )
        return pb.DeleteLoggedModelResponse()

    async def SetLoggedModelTags(
        self, request: pb.SetLoggedModelTagsRequest, context: CallContext
    ) -> pb.SetLoggedModelTagsResponse:
        tags = _pairs("tags", request.tags)
        write = write_id(request.write)
        model = await self._writer.submit(
            logged_models.set_tags, context.caller, request.model_id, tags, write
        )
        return pb.SetLoggedModelTagsResponse(model=_model_message(model))

    async def DeleteLoggedModelTag(
        self, request: pb.DeleteLoggedModelTagRequest, context: CallContext
    ) -> pb.DeleteLoggedModelTagResponse:
        await self._writer.submit(
            logged_models.delete_tag,
            context.caller,
            request.model_id,
            request.tag_key,
            write_id(request.write),
        )
        return pb.DeleteLoggedModelTagResponse()

    async def LogLoggedModelParams(
        self, request: pb.LogLoggedModelParamsRequest, context: CallContext
    ) -> pb.LogLoggedModelParamsResponse:
        params = _pairs("params", request.params)
        await self._writer.submit(
            logged_models.log_params, context.caller, request.model_id, params
        )
        return pb.LogLoggedModelParamsResponse()

    async def SearchLoggedModels(
        self, request: pb.SearchLoggedModelsRequest, context: CallContext
    ) -> pb.SearchLoggedModelsResponse:
        return await self._readers.page(_search_page, context.caller, request)

    async def ListLoggedModelArtifacts(
        self, request: pb.ListLoggedModelArtifactsRequest, context: CallContext
    ) -> pb.ListLoggedModelArtifactsResponse:
        folder = request.artifact_directory_path
        if folder:
            check_artifact_path("artifact_directory_path", folder)
        query = (request.model_id, folder, context.caller.name)
        position = decode_page_token(query, request.page_token, 1)
        page = await self._readers.page(
            artifacts.list_folder,
            context.caller,
            request.model_id,
            folder,
            False,
            position[0] if position else "",
            PAGE_FILES,
        )
        return pb.ListLoggedModelArtifactsResponse(
            root_uri=page.root_uri,
            files=[messages.file_info(entry) for entry in page.entries],
            next_page_token=encode_page_token(query, [page.next]) if page.next else "",
        )


def _search_page(
    caller: Caller, request: pb.SearchLoggedModelsRequest
) -> pb.SearchLoggedModelsResponse:
    check_page_size(request.max_results, PAGE_MODELS)
    order_by = [_order_by(order) for order in request.order_by]
    experiment_ids = (
        experiments.parse_ids(request.experiment_ids) if request.experiment_ids else None
    )
    datasets = _datasets(request.datasets)
    ordered_with = [DatasetFilter(key.dataset_name, key.dataset_digest) for key in request.order_by]
    search = logged_model_search(
        caller, experiment_ids, request.filter, order_by, datasets, ordered_with
    )
    query = [
        caller.name,
        list(request.experiment_ids),
        request.filter,
        order_by,
        datasets,
        ordered_with,
    ]
    position = decode_page_token(query, request.page_token, search.sort_key_length)
    limit = request.max_results or DEFAULT_MODELS
    found = search.page(limit + 1, position)
    page = pb.SearchLoggedModelsResponse()
    size = 0
    for start in range(0, min(limit, len(found)), _MODELS_AT_ONCE):
        rows = found[start : min(limit, start + _MODELS_AT_ONCE)]
        for model in logged_models.read([row.id for row in rows]):
            page.models.append(_model_message(model))
            size += page.models[-1].ByteSize()
        if size > PAGE_BYTES:
            break
    if len(page.models) < len(found):
        page.next_page_token = encode_page_token(query, found[len(page.models) - 1].sort_key)
    return page


def _datasets(datasets: Iterable[pb.DatasetFilter]) -> list[DatasetFilter]:
    found = [DatasetFilter(of.dataset_name, of.dataset_digest) for of in datasets]
    if not all(of.name for of in found):
        raise InvalidArgument(
            "`dataset_name` in the `datasets` clause must be specified.",
            reason="DATASET_EMPTY",
            field="datasets.dataset_name",
        )
    return found


def _check_name(name: str) -> None:
    check_text("name", name)
    if not _FORBIDDEN_CHARACTERS.isdisjoint(name):
        raise InvalidArgument(
            f"Invalid model name ({shorten(name)!r}) provided. Model name must be a non-empty "
            "string and cannot contain the following characters: "
            """('/', ':', '.', '%', '"', "'")""",
            reason="NAME_MALFORMED",
            field="name",
            value=name,
            limit="without / : . % and quotes",
        )


def _order_by(order: pb.LoggedModelOrder) -> str:
    descending = order.HasField("ascending") and not order.ascending
    return f"{order.field_name} {'DESC' if descending else 'ASC'}"


def _pairs(
    field: str, pairs: Iterable[LoggedModelParameter | LoggedModelTag]
) -> list[tuple[str, str]]:
    for pair in pairs:
        check_key(f"{field}.key", pair.key)
        check_text(f"{field}.{pair.key}", pair.value)
    return [(pair.key, pair.value) for pair in pairs]


def _model_message(logged: logged_models.LoggedModelData) -> LoggedModel:
    model = logged.model
    return LoggedModel(
        info=LoggedModelInfo(
            model_id=model.uid,
            experiment_id=str(model.experiment_id),
            name=model.name,
            creation_timestamp_ms=model.creation_time,
            last_updated_timestamp_ms=model.last_update_time,
            artifact_uri=model.artifact_uri,
            status=LoggedModelStatus.ValueType(model.status),
            model_type=model.model_type,
            source_run_id=model.source_run_id,
            tags=[LoggedModelTag(key=key, value=value) for key, value in logged.tags],
        ),
        data=LoggedModelData(
            params=[LoggedModelParameter(key=key, value=value) for key, value in logged.params],
            metrics=[
                LoggedMetric(model_id=model.uid, **point._asdict()) for point in logged.metrics
            ],
        ),
    )
