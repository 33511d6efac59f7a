"""MaintenanceService."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from runstream.rules import INT64_MAX, check_timestamp
from runstream.v1 import maintenance_service_pb2 as pb
from runstream.v1.experiment_purge_pb2 import PurgeExperimentRequest, PurgeExperimentResponse
from runstream.v1.maintenance_service_pb2_grpc import MaintenanceServiceServicer
from runstream_service.access.visibility import check_admin
from runstream_service.care import experiment_purge, purge
from runstream_service.care.experiment_purge import Scope
from runstream_service.care.purge_models import remove_models, remove_models_of
from runstream_service.catalog.version_use import count_kept
from runstream_service.engine.leases import Leases
from runstream_service.engine.readers import MAINTENANCE_SECONDS, Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.file_threads import mark_retrieved
from runstream_service.rpc import run_requests
from runstream_service.rpc.call_context import CallContext

# Seconds between two answers that say how far a purge has come.
PROGRESS = 0.2

#: Seconds for which one call of PurgeExperiment waits, and then works.
CALL_SECONDS = 2.0

# What of several servers only one has at a time. Each step of a purge takes it again; a purge whose
# server died is taken up by the next one after so many seconds. Others ask for it at intervals.
_LEASE = "purge"
_LEASE_SECONDS = 30.0
_PAUSE = 1.0

T = TypeVar("T")


class MaintenanceServicer(MaintenanceServiceServicer):
    def __init__(
        self, writer: Writer, readers: Readers, blobs: ArtifactStore, leases: Leases
    ) -> None:
        self._writer = writer
        self._blobs = blobs
        self._leases = leases
        self._purging = asyncio.Lock()  # within this server, which has the lease or not
        self._read = partial(readers.long, seconds=MAINTENANCE_SECONDS)

    async def Purge(
        self, request: pb.PurgeRequest, context: CallContext
    ) -> AsyncIterator[pb.PurgeResponse]:
        check_admin(context.caller)
        before = INT64_MAX
        if request.HasField("deleted_before"):
            before = request.deleted_before
            check_timestamp("deleted_before", before)
        if request.dry_run:
            found = await self._read(purge.count, before)
            yield pb.PurgeResponse(**asdict(found))
            return
        purged, answered = purge.Purged(), time.monotonic()
        async with self._purging:
            try:
                async for purged in self._purge(before):
                    if time.monotonic() - answered > PROGRESS:
                        yield pb.PurgeResponse(**asdict(purged))
                        answered = time.monotonic()
            finally:
                self._release_lease()
        yield pb.PurgeResponse(**asdict(purged))

    async def PurgeExperiment(
        self, request: PurgeExperimentRequest, context: CallContext
    ) -> PurgeExperimentResponse:
        named = request.run_ids
        run_ids = run_requests.run_ids(named, experiment_purge.MAX_NAMED) if named else []
        limit = None if request.dry_run else experiment_purge.MAX_HIDDEN
        scope = await self._read(
            experiment_purge.find_scope, context.caller, request.experiment_id, run_ids, limit
        )
        if request.dry_run:
            return _response(*await self._read(experiment_purge.count, scope))
        kept = await self._read(count_kept, INT64_MAX, scope.experiment)
        purged = purge.Purged(model_versions=kept)
        try:
            await asyncio.wait_for(self._purging.acquire(), CALL_SECONDS)
        except asyncio.TimeoutError:
            return _response(purged, is_done=False)
        try:
            is_done = await self._purge_experiment(scope, purged)
        except asyncio.TimeoutError:  # another server purges
            is_done = False
        finally:
            self._release_lease()
            self._purging.release()
        return _response(purged, is_done)

    async def _purge(self, before: int) -> AsyncIterator[purge.Purged]:
        """Remove what was deleted before a time, and yield after each step what is removed."""
        do, read = self._do_step, self._read
        purged = purge.Purged(experiments=await do(purge.hide_experiments, before))
        purged.model_versions = await read(count_kept, before)
        runs = await read(purge.runs_to_remove, before)
        for start in range(0, len(runs), purge.RUNS):
            taken, left = await do(purge.hide_runs, runs[start : start + purge.RUNS], before)
            purged.runs += taken
            while left:
                points, left = await do(purge.remove_rows, left)
                purged.points += points
                yield purged
        more = True
        while more:
            models, more = await do(remove_models, before)
            purged.logged_models += models
            yield purged
        for experiment in await read(purge.experiments_to_remove):
            while await do(purge.remove_rows_of_experiment, experiment):
                yield purged
            await do(purge.delete_experiment, experiment)
        purged.artifacts, purged.artifact_bytes = await self._blobs.collect_orphans()
        yield purged

    async def _purge_experiment(self, scope: Scope, purged: purge.Purged) -> bool:
        """Remove what is in a scope for some seconds, and add it up; return whether all is gone.

        Raises:
            TimeoutError: another server has been purging all the time.
        """
        end = time.monotonic() + CALL_SECONDS
        do, experiment = partial(self._do_step, until=end), scope.experiment
        if scope.is_whole and not await do(experiment_purge.hide_experiment, experiment):
            return True  # it was restored meanwhile
        purged.experiments = int(scope.is_whole)
        for start in range(0, len(scope.to_hide), purge.RUNS):
            some = scope.to_hide[start : start + purge.RUNS]
            purged.runs += await do(experiment_purge.hide_runs, experiment, some)
        find = partial(self._read, experiment_purge.hidden_runs, experiment, purge.RUNS)
        while hidden := await find():
            contents = await self._read(experiment_purge.blobs_of_runs, hidden)
            try:
                while hidden and time.monotonic() < end:
                    points, hidden = await do(purge.remove_rows, hidden)
                    purged.points += points
            finally:  # also if the caller has gone
                await self._remove_unused(contents, purged)
            if hidden:
                return False
        if len(scope.to_hide) == experiment_purge.MAX_HIDDEN:
            return False
        return not scope.is_whole or await self._remove_experiment(experiment, purged, end)

    async def _remove_experiment(self, experiment: int, purged: purge.Purged, end: float) -> bool:
        """Remove a hidden experiment that has no runs any more; return whether it is gone."""
        contents = await self._read(experiment_purge.blobs_of_models, experiment)
        more = True
        while more and time.monotonic() < end:
            models, more = await self._do_step(remove_models_of, experiment)
            purged.logged_models += models
        await self._remove_unused(contents, purged)
        while not more and time.monotonic() < end:
            if not await self._do_step(purge.remove_rows_of_experiment, experiment):
                await self._do_step(purge.delete_experiment, experiment)
                return True
        return False

    async def _remove_unused(self, contents: Sequence[int], purged: purge.Purged) -> None:
        files, size = await self._blobs.remove_unused(contents)
        purged.artifacts += files
        purged.artifact_bytes += size

    async def _do_step(self, step: Callable[..., T], *args: Any, until: float = math.inf) -> T:
        """Do a step on the writer's thread, once no other server purges.

        Raises:
            TimeoutError: that was not so until this time.
        """
        while True:
            done: tuple[T] | None = await self._writer.submit(self._do_with_lease, step, args)
            if done is not None:
                return done[0]
            if time.monotonic() > until:
                raise asyncio.TimeoutError
            await asyncio.sleep(_PAUSE)

    def _release_lease(self) -> None:
        """Let other servers purge; also if the caller has gone, so nothing is awaited."""
        release = self._writer.submit(self._leases.release, _LEASE)
        release.add_done_callback(mark_retrieved)

    def _do_with_lease(self, step: Callable[..., T], args: tuple[Any, ...]) -> tuple[T] | None:
        return (step(*args),) if self._leases.take(_LEASE, _LEASE_SECONDS) else None


def _response(purged: purge.Purged, is_done: bool) -> PurgeExperimentResponse:
    return PurgeExperimentResponse(
        done=is_done,
        with_experiment=bool(purged.experiments),
        runs=purged.runs,
        points=purged.points,
        artifacts=purged.artifacts,
        artifact_bytes=purged.artifact_bytes,
        logged_models=purged.logged_models,
        model_versions=purged.model_versions,
    )
