"""Looking for runs that give no signs of life any more."""

from __future__ import annotations

import asyncio
import logging
import time

from runstream.errors import RunstreamError
from runstream_service.engine.writer import Writer
from runstream_service.live.heartbeats import Heartbeats

log = logging.getLogger(__name__)

# Seconds that clients get to come back after the server was away.
_GRACE = 15.0

# Between two looks, at the most.
_LONGEST_PAUSE = 15.0


async def mark_lost_runs(writer: Writer, heartbeats: Heartbeats, lost_after: float) -> None:
    """Mark the runs that gave no sign of life for `lost_after` seconds, again and again."""
    if not lost_after:
        return
    grace = min(lost_after, _GRACE)
    pause = min(lost_after / 4, _LONGEST_PAUSE)
    await asyncio.sleep(grace)
    while True:
        await _mark(writer, heartbeats, lost_after)
        slept = time.monotonic()  # which stands still while the machine sleeps
        await asyncio.sleep(pause)
        if time.monotonic() - slept > pause + grace:
            # The process was stopped: no sign could reach us.
            await asyncio.sleep(grace)


async def _mark(writer: Writer, heartbeats: Heartbeats, lost_after: float) -> None:
    try:
        lost = await writer.submit(heartbeats.mark_lost_runs)
    except RunstreamError:  # logged where it was noticed
        return
    if lost:
        ids = ", ".join(lost[:10]) + (", ..." if len(lost) > 10 else "")
        log.info("%d runs gave no sign of life for %g s: %s", len(lost), lost_after, ids)
