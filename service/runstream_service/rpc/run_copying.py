"""CopyRuns: the steps of a copy, one after the other, for some seconds."""

from __future__ import annotations

import time

from runstream.errors import InvalidArgument
from runstream.v1 import run_copies_pb2 as pb
from runstream_service.access.caller import Caller
from runstream_service.care import run_copy, run_copy_rows
from runstream_service.engine.writer import Writer
from runstream_service.rpc import run_requests
from runstream_service.rpc.write_id import write_id

#: Seconds for which one call works.
CALL_SECONDS = 2.0

# Runs that are given to a step, which has not the time for more.
_AT_ONCE = 100


async def copy_runs(
    writer: Writer, caller: Caller, request: pb.CopyRunsRequest
) -> pb.CopyRunsResponse:
    """Begin a copy, or go on with it; what is copied stays hidden until all of it is."""
    run_ids = run_requests.run_ids(request.run_ids, run_copy.MAX_NAMED)
    write = write_id(request.write)
    if write is None:
        raise InvalidArgument(
            "write must be set: the same request goes on with a copy",
            reason="WRITE_MISSING",
            field="write",
        )
    end = time.monotonic() + CALL_SECONDS
    named = run_ids, request.experiment_id
    plan = await writer.submit(run_copy.begin, caller, *named, write, size=request.ByteSize())
    copies = plan.copies
    left = plan.to_copy
    while left:
        done = await writer.submit(run_copy_rows.copy_step, left[:_AT_ONCE], copies)
        left = left[done:]
        if left and time.monotonic() > end:
            return pb.CopyRunsResponse()
    if not plan.is_done:
        await writer.submit(run_copy.show, caller, request.experiment_id, plan.pairs)
    made = (pb.RunCopy(source_run_id=source, run_id=copy) for source, copy in copies.items())
    return pb.CopyRunsResponse(done=True, copies=made)
