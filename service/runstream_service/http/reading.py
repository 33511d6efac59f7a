"""Reading a generator for a caller who may hang up at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from anyio import CancelScope

Item = TypeVar("Item")

_END = object()


async def read_apart(
    items: AsyncGenerator[Item, None], silence: float | None = None
) -> AsyncGenerator[Item | None, None]:
    """Yield what a generator yields, from a task of its own that ends in order in any case.

    Starlette cancels an answer whose caller has hung up, and then cancels every further await in
    it, so that a generator could not clean up.

    Args:
        items: the generator; it is closed in the end.
        silence: seconds without an item after which None is yielded.
    """
    following = asyncio.ensure_future(anext(items, _END))
    try:
        while True:
            done, _ = await asyncio.wait((following,), timeout=silence)
            if not done:
                yield None
                continue
            item = following.result()
            if item is _END:
                return
            following = asyncio.ensure_future(anext(items, _END))
            yield item  # type: ignore[misc] # it is no end
    finally:
        with CancelScope(shield=True):
            following.cancel()
            await asyncio.wait((following,))
            await items.aclose()
