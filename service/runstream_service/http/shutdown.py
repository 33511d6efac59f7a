"""The end of requests that are under way when the server stops."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runstream.errors import server_stopping_error
from runstream_service.http import errors


class ShutdownMiddleware:
    """Passes requests on to the application, and can end those that have no answer yet with 503."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_ended = False

    def cancel_requests(self) -> None:
        """End the requests that are under way; an answer that has begun breaks off."""
        self._is_ended = True
        for task in self._tasks:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        task = asyncio.current_task()
        has_begun = False

        async def note_and_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        if task is not None:
            self._tasks.add(task)
        try:
            await self._app(scope, receive, note_and_send)
        except asyncio.CancelledError:
            if has_begun or not self._is_ended:
                raise
            parts = errors.error_parts(server_stopping_error())
            await errors.error_response(scope, parts)(scope, receive, send)
        finally:
            if task is not None:
                self._tasks.discard(task)
