"""Answering a caller who may hang up at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

from anyio import CancelScope
from starlette.requests import ClientDisconnect, Request

Item = TypeVar("Item")

_END = object()


# Seconds after which it is asked whether the caller is still there: most calls are over by then.
_ASKED_AFTER = 0.1


async def answer_unless_gone(request: Request, call: Awaitable[Item]) -> Item:
    """Return what a call returns, which is cancelled if its caller hangs up meanwhile.

    Raises:
        ClientDisconnect: the caller has hung up.
    """
    answering = asyncio.ensure_future(call)
    answering.add_done_callback(_looked_at)
    hearing: asyncio.Future[None] | None = None
    try:
        await asyncio.wait((answering,), timeout=_ASKED_AFTER)
        if not answering.done():
            hearing = asyncio.ensure_future(_hear_of_end(request))
            await asyncio.wait((answering, hearing), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        for task in (answering, hearing):
            if task is not None:
                task.cancel()


def _looked_at(call: asyncio.Future[Item]) -> None:
    # Whoever called may be gone; asyncio would log an error that is never looked at.
    if not call.cancelled():
        call.exception()


async def _hear_of_end(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


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
