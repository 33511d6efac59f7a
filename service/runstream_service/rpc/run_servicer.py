"""RunService."""

from __future__ import annotations

import json
from typing import Any

from runstream.errors import InvalidArgument, shorten
from runstream.rules import (
    check_dataset_field,
    check_input_tag,
    check_model_id,
    check_run_id,
    check_text,
)
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.console_pb2 import ConsoleLine
from runstream.v1.run_pb2 import DatasetInput, RunStatus
from runstream.v1.run_service_pb2_grpc import RunServiceServicer
from runstream_service.catalog import (
    console,
    datasets,
    logged_keys,
    model_outputs,
    run_deletion,
    runs,
)
from runstream_service.engine.batch import Batch
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.ingest.ingest import Ingest
from runstream_service.rpc import messages, searches
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.experiment_servicer import check_experiments_named
from runstream_service.rpc.large_messages import offload_if_large
from runstream_service.rpc.page_token import check_page_size
from runstream_service.rpc.run_cache import RunCache
from runstream_service.rpc.write_id import write_id


class RunServicer(RunServiceServicer):
    def __init__(self, writer: Writer, readers: Readers, ingest: Ingest) -> None:
        self._writer = writer
        self._ingest = ingest
        self._readers = readers
        self._cache = RunCache()

    async def CreateRun(
        self, request: pb.CreateRunRequest, context: CallContext
    ) -> pb.CreateRunResponse:
        size = request.ByteSize()
        new = await offload_if_large(size, _new_run, request)
        await self._writer.wait_for_room()
        created = await self._writer.submit(runs.create, new, size=size)
        return pb.CreateRunResponse(run=await offload_if_large(size, messages.run, created))

    async def GetRun(self, request: pb.GetRunRequest, context: CallContext) -> pb.GetRunResponse:
        found = await self._readers.quick(_run_with_little_data, request.run_id)
        if found is None:
            found = await self._readers.page(_run, request.run_id)
        return found

    async def UpdateRun(
        self, request: pb.UpdateRunRequest, context: CallContext
    ) -> pb.UpdateRunResponse:
        end_time = request.end_time if request.HasField("end_time") else None
        check_text("run_name", request.run_name)
        if request.status not in RunStatus.values():
            raise InvalidArgument(
                f"Invalid value {request.status} for parameter 'status' supplied",
                reason="STATUS_UNKNOWN",
                field="status",
                value=request.status,
                limit=", ".join(RunStatus.keys()),
            )
        update = runs.RunUpdate(request.status, end_time, request.run_name, request.heartbeat)
        write = write_id(request.write)
        run = await self._writer.submit(
            runs.update, request.run_id, update, write, run_id=request.run_id
        )
        return pb.UpdateRunResponse(run_info=messages.run_info(run))

    async def DeleteRun(
        self, request: pb.DeleteRunRequest, context: CallContext
    ) -> pb.DeleteRunResponse:
        write = write_id(request.write)
        await self._writer.submit(
            run_deletion.delete,
            request.run_id,
            request.with_children,
            write,
            run_id=request.run_id,
        )
        return pb.DeleteRunResponse()

    async def RestoreRun(
        self, request: pb.RestoreRunRequest, context: CallContext
    ) -> pb.RestoreRunResponse:
        await self._writer.submit(
            run_deletion.restore,
            request.run_id,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.RestoreRunResponse()

    async def LogParam(
        self, request: pb.LogParamRequest, context: CallContext
    ) -> pb.LogParamResponse:
        batch = Batch(request.run_id, params=[(request.key, request.value)])
        batch.check()
        await self._writer.submit(self._ingest.apply, batch, run_id=batch.run_id)
        return pb.LogParamResponse()

    async def SetTag(self, request: pb.SetTagRequest, context: CallContext) -> pb.SetTagResponse:
        batch = Batch(
            request.run_id, tags=[(request.key, request.value)], write=write_id(request.write)
        )
        batch.check()
        await self._writer.submit(self._ingest.apply, batch, run_id=batch.run_id)
        return pb.SetTagResponse()

    async def DeleteTag(
        self, request: pb.DeleteTagRequest, context: CallContext
    ) -> pb.DeleteTagResponse:
        await self._writer.submit(
            runs.delete_tag,
            request.run_id,
            request.key,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.DeleteTagResponse()

    async def LogInputs(
        self, request: pb.LogInputsRequest, context: CallContext
    ) -> pb.LogInputsResponse:
        size = request.ByteSize()
        inputs, models = await offload_if_large(size, _checked_inputs, request)
        await self._writer.wait_for_room()
        await self._writer.submit(
            datasets.log_inputs,
            request.run_id,
            inputs,
            models,
            write_id(request.write),
            run_id=request.run_id,
            size=size,
        )
        return pb.LogInputsResponse()

    async def LogOutputs(
        self, request: pb.LogOutputsRequest, context: CallContext
    ) -> pb.LogOutputsResponse:
        for i, model in enumerate(request.models):
            check_model_id(f"models[{i}].model_id", model.model_id)
        models = [model_outputs.ModelOutput(model.model_id, model.step) for model in request.models]
        await self._writer.submit(
            model_outputs.log_outputs,
            request.run_id,
            models,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.LogOutputsResponse()

    async def LogModel(
        self, request: pb.LogModelRequest, context: CallContext
    ) -> pb.LogModelResponse:
        description = _description(request.model_json)
        await self._writer.submit(
            model_outputs.log_model,
            request.run_id,
            description,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.LogModelResponse()

    async def SearchRuns(
        self, request: pb.SearchRunsRequest, context: CallContext
    ) -> pb.SearchRunsResponse:
        return await self._readers.page(searches.search_runs, request, self._cache)

    async def ListConsole(
        self, request: pb.ListConsoleRequest, context: CallContext
    ) -> pb.ListConsoleResponse:
        check_run_id("run_id", request.run_id)
        check_page_size(request.max_results, console.PAGE_LINES)
        for name in ("after", "before"):
            _check_not_negative(name, getattr(request, name))
        return await self._readers.page(_console_page, request)

    async def CountRuns(
        self, request: pb.CountRunsRequest, context: CallContext
    ) -> pb.CountRunsResponse:
        return pb.CountRunsResponse(count=await self._readers.page(searches.count_runs, request))

    async def ListKeys(
        self, request: pb.ListKeysRequest, context: CallContext
    ) -> pb.ListKeysResponse:
        check_experiments_named(request.experiment_ids)
        return await self._readers.page(_list_keys, list(request.experiment_ids))


def _new_run(request: pb.CreateRunRequest) -> runs.NewRun:
    if request.run_id:
        check_run_id("run_id", request.run_id)
    check_text("user_id", request.user_id)
    check_text("run_name", request.run_name)
    tags = [(tag.key, tag.value) for tag in request.tags]
    Batch(request.run_id, tags=tags).check()
    return runs.NewRun(
        experiment_id=request.experiment_id or "0",
        user_id=request.user_id,
        name=request.run_name,
        start_time=request.start_time if request.HasField("start_time") else None,
        tags=tags,
        run_id=request.run_id,
        heartbeat=request.heartbeat,
    )


def _checked_inputs(request: pb.LogInputsRequest) -> tuple[list[datasets.DatasetInput], list[str]]:
    """Return the datasets and the ids of the models that a run read."""
    for i, model in enumerate(request.models):
        check_model_id(f"models[{i}].model_id", model.model_id)
    inputs = [_checked_input(f"datasets[{i}]", read) for i, read in enumerate(request.datasets)]
    return inputs, [model.model_id for model in request.models]


def _run_with_little_data(run_id: str) -> pb.GetRunResponse | None:
    found = runs.get_with_data_if_small(run_id)
    return None if found is None else pb.GetRunResponse(run=messages.run(found))


def _run(run_id: str) -> pb.GetRunResponse:
    return pb.GetRunResponse(run=messages.run(runs.get_with_data(run_id)))


def _list_keys(experiment_ids: list[str]) -> pb.ListKeysResponse:
    found = logged_keys.list_keys(experiment_ids)
    return pb.ListKeysResponse(metrics=found.metrics, params=found.params, tags=found.tags)


def _console_page(request: pb.ListConsoleRequest) -> pb.ListConsoleResponse:
    lines = console.read(
        request.run_id,
        request.after,
        request.before,
        request.from_end,
        request.max_results or console.DEFAULT_PAGE_LINES,
    )
    return pb.ListConsoleResponse(lines=[ConsoleLine(**line._asdict()) for line in lines])


def _check_not_negative(field: str, number: int) -> None:
    if number < 0:
        raise InvalidArgument(
            f"Invalid value {number} for parameter '{field}' supplied: it must not be negative",
            reason="NUMBER_OUT_OF_RANGE",
            field=field,
            value=number,
            limit="not negative",
        )


def _checked_input(field: str, read: DatasetInput) -> datasets.DatasetInput:
    dataset = read.dataset
    for name in ("name", "digest", "source_type", "source", "schema", "profile"):
        check_dataset_field(f"{field}.dataset.{name}", name, getattr(dataset, name))
    for tag in read.tags:
        check_input_tag(f"{field}.tags", tag.key, tag.value)
    return datasets.DatasetInput(
        name=dataset.name,
        digest=dataset.digest,
        source_type=dataset.source_type,
        source=dataset.source,
        schema=dataset.schema,
        profile=dataset.profile,
        tags={tag.key: tag.value for tag in read.tags},
    )


def _description(text: str) -> dict[str, Any]:
    try:
        description = json.loads(text)
    except (ValueError, RecursionError):
        description = None
    if not isinstance(description, dict):
        raise InvalidArgument(
            f"Invalid value {shorten(text)!r} for parameter 'model_json' supplied: "
            "it must be an object of JSON",
            reason="MODEL_MALFORMED",
            field="model_json",
            value=text,
            limit="an object of JSON",
        )
    return description
