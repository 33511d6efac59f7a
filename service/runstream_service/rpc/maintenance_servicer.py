"""MaintenanceService."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from runstream.rules import INT64_MAX, check_timestamp
from runstream.v1 import maintenance_service_pb2 as pb
from runstream.v1.maintenance_service_pb2_grpc import MaintenanceServiceServicer
from runstream_service.access.visibility import check_admin
from runstream_service.care import purge
from runstream_service.care.purge_models import remove_models
from runstream_service.engine.leases import Leases
from runstream_service.engine.readers import MAINTENANCE_SECONDS, Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.file_threads import mark_retrieved
from runstream_service.rpc.call_context import CallContext

# Seconds between two answers that say how far a purge has come.
PROGRESS = 0.2

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
            finally:  # also if the caller has gone, so nothing is awaited
                release = self._writer.submit(self._leases.release, _LEASE)
                release.add_done_callback(mark_retrieved)
        yield pb.PurgeResponse(**asdict(purged))

    async def _purge(self, before: int) -> AsyncIterator[purge.Purged]:
        """Remove what was deleted before a time, and yield after each step what is removed."""
        do, read = self._do_step, self._read
        purged = purge.Purged(experiments=await do(purge.hide_experiments, before))
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

    async def _do_step(self, step: Callable[..., T], *args: Any) -> T:
        """Do a step on the writer's thread, once no other server purges."""
        while True:
            done: tuple[T] | None = await self._writer.submit(self._do_with_lease, step, args)
            if done is not None:
                return done[0]
            await asyncio.sleep(_PAUSE)

    def _do_with_lease(self, step: Callable[..., T], args: tuple[Any, ...]) -> tuple[T] | None:
        return (step(*args),) if self._leases.take(_LEASE, _LEASE_SECONDS) else None
