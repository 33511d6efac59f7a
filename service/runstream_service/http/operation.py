"""What those who operate the server ask it, and who answers.

The package of the routes is imported later: the server of a file starts sooner without HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from runstream_service.rpc.call_counts import CallCounts


class Operation(NamedTuple):
    """The answers.

    Attributes:
        unready_reason: returns why the server cannot serve; empty, if it can.
        render_metrics: returns the page of metrics and its media type, for an `Accept` header.
        calls: counts the calls over HTTP.
        instrument: returns the application with what traces its requests around it.
    """

    unready_reason: Callable[[], Awaitable[str]]
    render_metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    calls: CallCounts
    instrument: Callable[[Any], Any] = lambda application: application
