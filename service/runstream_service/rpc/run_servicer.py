"""RunService."""

from __future__ import annotations

from runstream.v1 import param_importance_pb2 as importance_pb
from runstream.v1 import run_copies_pb2 as copies_pb
from runstream.v1 import run_groups_pb2 as groups_pb
from runstream.v1 import run_keys_pb2 as keys_pb
from runstream.v1 import run_moves_pb2 as moves_pb
from runstream.v1 import run_service_pb2 as pb
from runstream.v1 import run_tagging_pb2 as tagging_pb
from runstream.v1.console_pb2 import ConsoleLine
from runstream.v1.run_service_pb2_grpc import RunServiceServicer
from runstream_service.access.caller import Caller
from runstream_service.catalog import (
    console,
    datasets,
    logged_keys,
    model_outputs,
    run_deletion,
    run_moves,
    run_tagging,
    runs,
)
from runstream_service.engine.batch import Batch
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.ingest.ingest import Ingest
from runstream_service.rpc import (
    messages,
    param_importance,
    run_copying,
    run_groups,
    run_requests,
    searches,
)
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.experiment_servicer import check_experiments_named
from runstream_service.rpc.large_messages import offload_if_large
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
        new = await offload_if_large(size, run_requests.new_run, request)
        await self._writer.wait_for_room()
        created = await self._writer.submit(runs.create, context.caller, new, size=size)
        return pb.CreateRunResponse(run=await offload_if_large(size, messages.run, created))

    async def GetRun(self, request: pb.GetRunRequest, context: CallContext) -> pb.GetRunResponse:
        found = await self._readers.quick(_run_with_little_data, context.caller, request.run_id)
        if found is None:
            found = await self._readers.page(_run, context.caller, request.run_id)
        return found

    async def UpdateRun(
        self, request: pb.UpdateRunRequest, context: CallContext
    ) -> pb.UpdateRunResponse:
        update = run_requests.update(request)
        write = write_id(request.write)
        run = await self._writer.submit(
            runs.update, context.caller, request.run_id, update, write, run_id=request.run_id
        )
        return pb.UpdateRunResponse(run_info=messages.run_info(run))

    async def DeleteRun(
        self, request: pb.DeleteRunRequest, context: CallContext
    ) -> pb.DeleteRunResponse:
        write = write_id(request.write)
        await self._writer.submit(
            run_deletion.delete,
            context.caller,
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
            context.caller,
            request.run_id,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.RestoreRunResponse()

    async def MoveRuns(
        self, request: moves_pb.MoveRunsRequest, context: CallContext
    ) -> moves_pb.MoveRunsResponse:
        run_ids = run_requests.run_ids(request.run_ids, run_moves.MAX_NAMED)
        moved = await self._writer.submit(
            run_moves.move,
            context.caller,
            run_ids,
            request.experiment_id,
            write_id(request.write),
            size=request.ByteSize(),
        )
        return moves_pb.MoveRunsResponse(run_ids=moved)

    async def CopyRuns(
        self, request: copies_pb.CopyRunsRequest, context: CallContext
    ) -> copies_pb.CopyRunsResponse:
        return await run_copying.copy_runs(self._writer, context.caller, request)

    async def LogParam(
        self, request: pb.LogParamRequest, context: CallContext
    ) -> pb.LogParamResponse:
        batch = Batch(request.run_id, params=[(request.key, request.value)])
        batch.check()
        await self._writer.submit(self._ingest.apply, context.caller, batch, run_id=batch.run_id)
        return pb.LogParamResponse()

    async def SetTag(self, request: pb.SetTagRequest, context: CallContext) -> pb.SetTagResponse:
        batch = Batch(
            request.run_id, tags=[(request.key, request.value)], write=write_id(request.write)
        )
        batch.check()
        await self._writer.submit(self._ingest.apply, context.caller, batch, run_id=batch.run_id)
        return pb.SetTagResponse()

    async def TagRuns(
        self, request: tagging_pb.TagRunsRequest, context: CallContext
    ) -> tagging_pb.TagRunsResponse:
        size = request.ByteSize()
        tagging = await offload_if_large(size, run_requests.tagging, request)
        await self._writer.wait_for_room()
        await self._writer.submit(
            run_tagging.tag, context.caller, *tagging, write_id(request.write), size=size
        )
        return tagging_pb.TagRunsResponse()

    async def DeleteTag(
        self, request: pb.DeleteTagRequest, context: CallContext
    ) -> pb.DeleteTagResponse:
        await self._writer.submit(
            runs.delete_tag,
            context.caller,
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
        inputs, models = await offload_if_large(
            size, run_requests.inputs, request.datasets, request.models
        )
        await self._writer.wait_for_room()
        await self._writer.submit(
            datasets.log_inputs,
            context.caller,
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
        models = run_requests.outputs(request.models)
        await self._writer.submit(
            model_outputs.log_outputs,
            context.caller,
            request.run_id,
            models,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.LogOutputsResponse()

    async def LogModel(
        self, request: pb.LogModelRequest, context: CallContext
    ) -> pb.LogModelResponse:
        description = run_requests.description(request)
        await self._writer.submit(
            model_outputs.log_model,
            context.caller,
            request.run_id,
            description,
            write_id(request.write),
            run_id=request.run_id,
        )
        return pb.LogModelResponse()

    async def SearchRuns(
        self, request: pb.SearchRunsRequest, context: CallContext
    ) -> pb.SearchRunsResponse:
        return await self._readers.page(searches.search_runs, context.caller, request, self._cache)

    async def ListConsole(
        self, request: pb.ListConsoleRequest, context: CallContext
    ) -> pb.ListConsoleResponse:
        run_requests.check_console(request)
        return await self._readers.page(_console_page, context.caller, request)

    async def CountRuns(
        self, request: pb.CountRunsRequest, context: CallContext
    ) -> pb.CountRunsResponse:
        return pb.CountRunsResponse(
            count=await self._readers.page(searches.count_runs, context.caller, request)
        )

    async def GroupRuns(
        self, request: groups_pb.GroupRunsRequest, context: CallContext
    ) -> groups_pb.GroupRunsResponse:
        return await self._readers.page(run_groups.group_runs, context.caller, request)

    async def GetParamImportance(
        self, request: importance_pb.GetParamImportanceRequest, context: CallContext
    ) -> importance_pb.GetParamImportanceResponse:
        read = self._readers
        async with read.computation("importance"):
            computed = await read.page(param_importance.read_request, context.caller, request)
            while await read.long(computed.compute):
                pass
            return await read.page(param_importance.make_answer, computed)

    async def ListKeys(
        self, request: keys_pb.ListKeysRequest, context: CallContext
    ) -> keys_pb.ListKeysResponse:
        check_experiments_named(request.experiment_ids)
        return await self._readers.page(_list_keys, context.caller, list(request.experiment_ids))

    async def ListValues(
        self, request: keys_pb.ListValuesRequest, context: CallContext
    ) -> keys_pb.ListValuesResponse:
        check_experiments_named(request.experiment_ids)
        return await self._readers.page(searches.list_values, context.caller, request)

    async def GetFilterHints(
        self, request: keys_pb.GetFilterHintsRequest, context: CallContext
    ) -> keys_pb.GetFilterHintsResponse:
        check_experiments_named(request.experiment_ids)
        return await self._readers.page(searches.get_filter_hints, context.caller, request)


def _run_with_little_data(caller: Caller, run_id: str) -> pb.GetRunResponse | None:
    found = runs.get_with_data_if_small(caller, run_id)
    return None if found is None else pb.GetRunResponse(run=messages.run(found))


def _run(caller: Caller, run_id: str) -> pb.GetRunResponse:
    return pb.GetRunResponse(run=messages.run(runs.get_with_data(caller, run_id)))


def _list_keys(caller: Caller, experiment_ids: list[str]) -> keys_pb.ListKeysResponse:
    found = logged_keys.list_keys(caller, experiment_ids)
    return keys_pb.ListKeysResponse(metrics=found.metrics, params=found.params, tags=found.tags)


def _console_page(caller: Caller, request: pb.ListConsoleRequest) -> pb.ListConsoleResponse:
    lines = console.read(
        caller,
        request.run_id,
        request.after,
        request.before,
        request.from_end,
        request.max_results or console.DEFAULT_PAGE_LINES,
    )
    return pb.ListConsoleResponse(lines=[ConsoleLine(**line._asdict()) for line in lines])
