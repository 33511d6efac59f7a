"""ExperimentService."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.errors import InvalidArgument
from runstream.rules import EXPERIMENT_TAG_CHARACTERS, check_experiment_name, check_key, check_text
from runstream.v1 import experiment_service_pb2 as pb
from runstream.v1.experiment_service_pb2_grpc import ExperimentServiceServicer
from runstream_service.access.caller import Caller
from runstream_service.catalog import (
    datasets,
    experiment_activity,
    experiment_creation,
    experiment_updates,
    experiments,
)
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.rpc import messages, searches
from runstream_service.rpc.call_context import CallContext
from runstream_service.rpc.write_id import write_id


class ExperimentServicer(ExperimentServiceServicer):
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def CreateExperiment(
        self, request: pb.CreateExperimentRequest, context: CallContext
    ) -> pb.CreateExperimentResponse:
        check_experiment_name("name", request.name)
        for tag in request.tags:
            check_key("tags.key", tag.key)
            check_text(f"tags.{tag.key}", tag.value, EXPERIMENT_TAG_CHARACTERS)
        tags = [(tag.key, tag.value) for tag in request.tags]
        experiment = await self._writer.submit(
            experiment_creation.create,
            context.caller,
            request.name,
            request.artifact_location,
            tags,
            write_id(request.write),
        )
        return pb.CreateExperimentResponse(experiment_id=str(experiment.id))

    async def GetExperiment(
        self, request: pb.GetExperimentRequest, context: CallContext
    ) -> pb.GetExperimentResponse:
        found = await self._readers.quick(
            experiments.describe, context.caller, request.experiment_id
        )
        return pb.GetExperimentResponse(experiment=messages.experiment(found))

    async def GetExperimentByName(
        self, request: pb.GetExperimentByNameRequest, context: CallContext
    ) -> pb.GetExperimentByNameResponse:
        found = await self._readers.quick(
            experiments.describe_by_name, context.caller, request.experiment_name
        )
        return pb.GetExperimentByNameResponse(experiment=messages.experiment(found))

    async def UpdateExperiment(
        self, request: pb.UpdateExperimentRequest, context: CallContext
    ) -> pb.UpdateExperimentResponse:
        check_experiment_name("new_name", request.new_name)
        await self._writer.submit(
            experiment_updates.rename,
            context.caller,
            request.experiment_id,
            request.new_name,
            write_id(request.write),
        )
        return pb.UpdateExperimentResponse()

    async def DeleteExperiment(
        self, request: pb.DeleteExperimentRequest, context: CallContext
    ) -> pb.DeleteExperimentResponse:
        await self._writer.submit(
            experiment_updates.delete,
            context.caller,
            request.experiment_id,
            write_id(request.write),
        )
        return pb.DeleteExperimentResponse()

    async def RestoreExperiment(
        self, request: pb.RestoreExperimentRequest, context: CallContext
    ) -> pb.RestoreExperimentResponse:
        await self._writer.submit(
            experiment_updates.restore,
            context.caller,
            request.experiment_id,
            write_id(request.write),
        )
        return pb.RestoreExperimentResponse()

    async def SetExperimentTag(
        self, request: pb.SetExperimentTagRequest, context: CallContext
    ) -> pb.SetExperimentTagResponse:
        check_key("key", request.key)
        check_text(f"tags.{request.key}", request.value, EXPERIMENT_TAG_CHARACTERS)
        await self._writer.submit(
            experiment_updates.set_tag,
            context.caller,
            request.experiment_id,
            request.key,
            request.value,
            write_id(request.write),
        )
        return pb.SetExperimentTagResponse()

    async def DeleteExperimentTag(
        self, request: pb.DeleteExperimentTagRequest, context: CallContext
    ) -> pb.DeleteExperimentTagResponse:
        await self._writer.submit(
            experiment_updates.delete_tag,
            context.caller,
            request.experiment_id,
            request.key,
            write_id(request.write),
        )
        return pb.DeleteExperimentTagResponse()

    async def SearchDatasets(
        self, request: pb.SearchDatasetsRequest, context: CallContext
    ) -> pb.SearchDatasetsResponse:
        check_experiments_named(request.experiment_ids)
        found = await self._readers.page(
            datasets.summaries, context.caller, list(request.experiment_ids)
        )
        return pb.SearchDatasetsResponse(
            dataset_summaries=[
                pb.DatasetSummary(
                    experiment_id=str(summary.experiment_id),
                    name=summary.name,
                    digest=summary.digest,
                    context=summary.context,
                )
                for summary in found
            ]
        )

    async def GetActivity(
        self, request: pb.GetActivityRequest, context: CallContext
    ) -> pb.GetActivityResponse:
        check_experiments_named(request.experiment_ids)
        return await self._readers.page(_activity, context.caller, request)

    async def SearchExperiments(
        self, request: pb.SearchExperimentsRequest, context: CallContext
    ) -> pb.SearchExperimentsResponse:
        return await self._readers.page(searches.search_experiments, context.caller, request)


def check_experiments_named(experiment_ids: Sequence[str]) -> None:
    """Raise InvalidArgument if no experiment is named."""
    if not experiment_ids:
        raise InvalidArgument(
            "Missing value for required parameter 'experiment_ids'",
            reason="EXPERIMENT_IDS_MISSING",
            field="experiment_ids",
        )


def _activity(caller: Caller, request: pb.GetActivityRequest) -> pb.GetActivityResponse:
    found = experiment_activity.read_activities(caller, list(request.experiment_ids))
    days = experiment_activity.count_by_day([one.experiment for one in found], request.days)
    return pb.GetActivityResponse(
        activities=[
            pb.ExperimentActivity(
                experiment_id=str(summary.experiment),
                runs=summary.runs,
                running=summary.running,
                last_activity=summary.last,
                runs_per_day=days.get(summary.experiment, ()),
            )
            for summary in found
        ]
    )
