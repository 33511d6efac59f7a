"""Params that are logged without the user's asking: one that a run has already keeps its value.

A call of the user for the run must not raise that, so a server that may know of another value is
asked, while it is there. Of a run that this process created, the process knows them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.fluent.run_handle import ActiveRun
from runstream.transport.call_limit import limit_calls

#: Seconds that a server has to answer, less than the end of a program waits for it.
ASK_SECONDS = 5.0


def log_first_params(
    run: ActiveRun, params: Mapping[str, object], warn: Callable[[RunstreamError], object]
) -> None:
    """Log params of a run, at once or on a thread where nobody waits for the server.

    While the server is away, all are queued; what it refuses then is raised by a later call.

    Args:
        run: the run.
        params: the params.
        warn: called with the error of one that breaks a rule or is refused by the server.
    """
    if run.is_created_here:
        run.log_params(params, on_error="skip")
    elif run.client.is_away:
        _queue(run, params)
    else:
        run.client.defer([run.run_id], partial(_ask, run, dict(params), warn))


def _ask(
    run: ActiveRun, params: Mapping[str, object], warn: Callable[[RunstreamError], object]
) -> None:
    try:
        if run.client.is_away:
            _queue(run, params)
            return
        with limit_calls(ASK_SECONDS):
            run.client.log(run.run_id, params=params)
    except (Unavailable, DeadlineExceeded):
        _queue(run, params)
    except RunstreamError as error:
        if len(params) < 2:
            warn(error)
            return
        for key, value in params.items():
            _ask(run, {key: value}, warn)


def _queue(run: ActiveRun, params: Mapping[str, object]) -> None:
    for key, value in params.items():  # a batch for each, because it is refused as a whole
        run.log_params({key: value}, on_error="skip")
