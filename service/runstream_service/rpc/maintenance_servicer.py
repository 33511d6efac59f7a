"""MaintenanceService."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial

from runstream.rules import INT64_MAX, check_timestamp
from runstream.v1 import maintenance_service_pb2 as pb
from runstream.v1.maintenance_service_pb2_grpc import MaintenanceServiceServicer
from runstream_service.care import purge
from runstream_service.care.purge_models import remove_models
from runstream_service.engine.readers import MAINTENANCE_SECONDS, Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.rpc.call_context import CallContext

# Seconds between two answers that say how far a purge has come.
PROGRESS = 0.2


class MaintenanceServicer(MaintenanceServiceServicer):
    def __init__(self, writer: Writer, readers: Readers, blobs: ArtifactStore) -> None:
        self._writer = writer
        self._blobs = blobs
        self._purging = asyncio.Lock()
        self._read = partial(readers.run, seconds=MAINTENANCE_SECONDS)

    async def Purge(
        self, request: pb.PurgeRequest, context: CallContext
    ) -> AsyncIterator[pb.PurgeResponse]:
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
            async for purged in self._purge(before):
                if time.monotonic() - answered > PROGRESS:
                    yield pb.PurgeResponse(**asdict(purged))
                    answered = time.monotonic()
        yield pb.PurgeResponse(**asdict(purged))

    async def _purge(self, before: int) -> AsyncIterator[purge.Purged]:
        """Remove what was deleted before a time, and yield after each step what is removed."""
        submit, read = self._writer.submit, self._read
        purged = purge.Purged(experiments=await submit(purge.hide_experiments, before))
        runs = await read(purge.runs_to_remove, before)
        for start in range(0, len(runs), purge.RUNS):
            taken, left = await submit(purge.hide_runs, runs[start : start + purge.RUNS], before)
            purged.runs += taken
            while left:
                points, left = await submit(purge.remove_rows, left)
                purged.points += points
                yield purged
        more = True
        while more:
            models, more = await submit(remove_models, before, purge.ROWS)
            purged.logged_models += models
            yield purged
        for experiment in await read(purge.experiments_to_remove):
            await submit(purge.delete_experiment, experiment)
        purged.artifacts, purged.artifact_bytes = await self._blobs.collect_orphans()
        yield purged
