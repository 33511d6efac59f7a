"""Answering a caller who may hang up at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

from anyio import CancelScope
from starlette.requests import ClientDisconnect, Request

Item = TypeVar("Item")

_END = object()


# Seconds after which the connection is watched: most calls have ended by then.
_POLL_AFTER = 0.1


async def answer_unless_disconnected(request: Request, call: Awaitable[Item]) -> Item:
    """Return what a call returns, which is cancelled if its caller hangs up meanwhile.

    Raises:
        ClientDisconnect: the caller has hung up.
    """
    answering = asyncio.ensure_future(call)
    answering.add_done_callback(_mark_retrieved)
    disconnecting: asyncio.Future[None] | None = None
    try:
        await asyncio.wait((answering,), timeout=_POLL_AFTER)
        if not answering.done():
            disconnecting = asyncio.ensure_future(_wait_for_disconnect(request))
            await asyncio.wait((answering, disconnecting), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        for task in (answering, disconnecting):
            if task is not None:
                task.cancel()


def _mark_retrieved(call: asyncio.Future[Item]) -> None:
    # The caller may be gone, and asyncio logs an error that nobody retrieves.
    if not call.cancelled():
        call.exception()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def iterate_in_task(
    items: AsyncGenerator[Item, None], timeout: float | None = None
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
            done, _ = await asyncio.wait((following,), timeout=timeout)
            if not done:
                yield None
                continue
            item = following.result()
            if item is _END:
                return
            following = asyncio.ensure_future(anext(items, _END))
            yield item  # type: ignore[misc] # it is not the end
    finally:
        with CancelScope(shield=True):
            following.cancel()
            await asyncio.wait((following,))
            await items.aclose()
