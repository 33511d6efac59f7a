"""Work on large messages runs on a thread, because it would hold up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from runstream_service.rpc.admission import LARGE_BYTES

T = TypeVar("T")


async def offload_if_large(size: int, work: Callable[..., T], *args: Any) -> T:
    """Return what `work` returns; run it on a thread if a message of `size` bytes is large."""
    return await asyncio.to_thread(work, *args) if size > LARGE_BYTES else work(*args)
