"""Runs that the server does not know, because their start waits in the spool of another process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from runstream.calls.batch_requests import log_request
from runstream.errors import NotFound, RunstreamError
from runstream.outbox.delivery_errors import RUN_NOT_FOUND, may_work_later
from runstream.spool.waiting_starts import WaitingStarts
from runstream.transport.connection import Connection

Answer = TypeVar("Answer")

log = logging.getLogger("runstream")


def send_start(connection: Connection, starts: WaitingStarts, run_id: str) -> bool:
    """Send the start of a run if it waits in a spool; return whether the server has taken it.

    The process that wrote it sends it again, which changes nothing.

    Raises:
        RunstreamError: the server cannot be reached.
    """
    message = starts.find(run_id)
    if message is None:
        return False
    try:
        connection.call(lambda stubs: stubs.logs.Log, log_request(message))
    except RunstreamError as error:
        if may_work_later(error):
            raise
        log.debug("the start of run %s was refused: %s", run_id, error)
        return False
    return True


def call_again_if_unknown(call: Callable[[], Answer], send: Callable[[str], object]) -> Answer:
    """Call a function; if the server does not know a run, send its start and call once more.

    Args:
        call: what to call.
        send: sends the start of a run if it waits in a spool.

    Raises:
        RunstreamError: what the call raises.
    """
    try:
        return call()
    except NotFound as error:
        run_id = error.metadata.get("value", "")
        if error.reason != RUN_NOT_FOUND or not run_id:
            raise
        send(run_id)
    return call()  # if no start waits, its process may have sent it meanwhile
