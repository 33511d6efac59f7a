"""The start of a run: after it, either a caller has the run, or the run is ended.

An interrupt (Ctrl-C, an exception of a signal handler) may come while the request that makes a run
RUNNING is under way. The server may have the request by then, or get it later, and no other process
knows of the run. So a start is registered before its request is sent. If it is interrupted, the run
is ended: now, if the server answers within `END_SECONDS`, or else at the end of the program.

To end the run, the same request is sent again first. If it has arrived before, that changes nothing
(R1, P3); if the first one is still under way, it changes nothing when it arrives. So the end of the
run comes last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import grpc

from runstream.contract.messages import ensure_write_id
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
from runstream.v1.run_service_pb2 import CreateRunRequest, UpdateRunRequest

Request = TypeVar("Request", bound=CreateRunRequest | UpdateRunRequest)
Answer = TypeVar("Answer")
Taken = TypeVar("Taken")

#: Seconds that it may take to end the run of an interrupted start; later the program's end does it.
END_SECONDS = 3.0


class Start(Generic[Request, Answer]):
    """A request that makes a run RUNNING, until a caller has the run.

    Attributes:
        run_id: the run.
        tracking_uri: where it is.
    """

    def __init__(
        self,
        connection: Connection,
        rpc: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[Request, Answer]],
        request: Request,
    ) -> None:
        """Make a start that is not sent yet.

        Args:
            connection: the connection to the server.
            rpc: picks the RPC from the services.
            request: its request, with the id of the run.
        """
        ensure_write_id(request)  # now, so that the request is the same write whenever it is sent
        self.run_id = request.run_id
        self.tracking_uri = connection.uri
        self._connection = connection
        self._rpc = rpc
        self._request = request
        self._status: str | None = None  # by which the run is to end, once the start is interrupted

    def hand_over(self, take: Callable[[Answer], Taken]) -> Taken:
        """Send the request, and return what a function makes of its answer.

        Args:
            take: makes whatever has the run from then on.

        Raises:
            RunstreamError: the server refused the request or did not answer.
        """
        try:
            shutdown.register_start(self)
            taken = take(self._connection.call(self._rpc, self._request))
            shutdown.unregister_start(self)
        except RunstreamError:
            shutdown.unregister_start(self)
            raise
        except BaseException as error:
            self._status = run_status(error)
            shutdown.register_start(self)
            self._release_run()  # no caller got it
            with suppress(RunstreamError):
                self.end(self._status, END_SECONDS)
            raise
        else:
            return taken

    def end(self, status: str, seconds: float) -> None:
        """End the run, whether its start has arrived or not.

        Args:
            status: its status, if no interrupt of the start has decided it.
            seconds: how long it may take.

        Raises:
            RunstreamError: it is not ended; it can be tried again.
        """
        deadline = time.monotonic() + seconds
        end = UpdateRunRequest(
            run_id=self.run_id,
            status=RunStatus.Value(self._status or status),
            end_time=time.time_ns() // 1_000_000,
        )
        # It may have been refused, or be deleted by now.
        with suppress(AlreadyExists, FailedPrecondition, InvalidArgument, NotFound):
            self._connection.call(self._rpc, self._request, timeout=seconds)
            left = max(0.0, deadline - time.monotonic())
            self._connection.call(lambda to: to.runs.UpdateRun, end, timeout=left)
        shutdown.unregister_start(self)
        self._release_run()  # another thread may have got it meanwhile

    def _release_run(self) -> None:
        if run := shutdown.find_run(self.run_id):
            run.release()
