"""The creation of a run by a call: after it, either a caller has the run, or the run is ended.

An interrupt (Ctrl-C, an exception of a signal handler) may come while the request that creates a
run is under way. The server may have the request by then, or get it later, and no other process
knows of the run. So a start is registered before its request is sent. If it is interrupted, the run
is ended: now, if the server answers within `END_SECONDS`, or else at the end of the program.

To end the run, the same request is sent again first. If it has arrived before, that changes nothing
(R1); if the first one is still under way, it changes nothing when it arrives. So the end of the run
comes last. `runstream.start_run` needs none of this: it queues batches, which keep their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import grpc

from runstream.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    RunstreamError,
)
from runstream.process import shutdown
from runstream.process.exit_status import run_status
from runstream.transport.channel import Stubs
from runstream.transport.connection import Connection
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import CreateRunRequest, CreateRunResponse, UpdateRunRequest

Result = TypeVar("Result")

#: Seconds in which the run of an interrupted start is ended at once, rather than with the program.
END_SECONDS = 3.0


class Start:
    """A request that creates a run, until a caller has the run.

    Attributes:
        run_id: the run.
        tracking_uri: the server that has the run.
    """

    def __init__(self, connection: Connection, request: CreateRunRequest) -> None:
        """Make a start that is not sent yet.

        Args:
            connection: the connection to the server.
            request: the request, with the id of the run.
        """
        self.run_id = request.run_id
        self.tracking_uri = connection.uri
        self._connection = connection
        self._request = request
        self._status: str | None = None  # of the end of the run, once the start is interrupted

    def send(self, make_result: Callable[[CreateRunResponse], Result]) -> Result:
        """Send the request, and return the result that a function makes of its answer.

        Args:
            make_result: makes the result, whose holder has the run from then on.

        Raises:
            RunstreamError: the server refused the request or did not answer.
        """
        try:
            shutdown.register_start(self)
            result = make_result(self._connection.call(_rpc, self._request))
            shutdown.unregister_start(self)
        except RunstreamError:
            shutdown.unregister_start(self)
            raise
        except BaseException as error:
            self._status = run_status(error)
            shutdown.register_start(self)
            with suppress(RunstreamError):
                self.end(self._status, END_SECONDS)
            raise
        else:
            return result

    def end(self, status: str, seconds: float) -> None:
        """End the run, whether its start has arrived or not.

        Args:
            status: the status of the run, if no interrupt of the start has decided it.
            seconds: how long ending the run may take.

        Raises:
            RunstreamError: the run is not ended; the caller can try again.
        """
        deadline = time.monotonic() + seconds
        end = UpdateRunRequest(
            run_id=self.run_id,
            status=RunStatus.Value(self._status or status),
            end_time=time.time_ns() // 1_000_000,
        )
        # The server may have refused the start, or the run may be deleted by now.
        with suppress(AlreadyExists, FailedPrecondition, InvalidArgument, NotFound):
            self._connection.call(_rpc, self._request, timeout=seconds)
            left = max(0.0, deadline - time.monotonic())
            self._connection.call(lambda stubs: stubs.runs.UpdateRun, end, timeout=left)
        shutdown.unregister_start(self)


def _rpc(stubs: Stubs) -> grpc.UnaryUnaryMultiCallable[CreateRunRequest, CreateRunResponse]:
    return stubs.runs.CreateRun
