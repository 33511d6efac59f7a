"""The channel of a process to one server: opened when it is needed, closed before a fork."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from runstream.errors import Unavailable
from runstream.transport import embedded, proxies
from runstream.transport.channel import Stubs, close_channel, open_channel
from runstream.transport.pending_read import PendingRead
from runstream.transport.tracking_uri import Target
from runstream.v1.logging_service_pb2 import LogBatchResponse

#: Reason of the Unavailable of a stream that is opened while the process forks.
FORKING = "FORKING"

#: Seconds that gRPC gets to end the calls that it cancels.
CANCEL_SECONDS = 2.0

# Seconds that calls under way get to end by themselves before a fork.
_FORK_GRACE_SECONDS = 1.0


class SharedChannel:
    """A channel to a server that all calls of a process share.

    Any thread may call every method. The lock covers all private attributes. It is held while a
    channel is opened, which may have to wait for a server to start; calls do that on a thread of
    `CallThreads`. The main thread takes the lock itself to close the channel. It does so by a
    `with` of the lock, which is written in C, so that no signal handler runs after the lock is
    taken and before the `with` block begins; a `with` of the condition would be written in Python.

    Attributes:
        uri: tracking URI of the server.
        server_name: name of the server, for people, with the proxy that leads to it.
    """

    def __init__(
        self, target: Target, on_open: Callable[[], None], on_close: Callable[[], None]
    ) -> None:
        """Make a channel that is not open yet.

        Args:
            target: the server.
            on_open: called when the channel was opened, with the lock held.
            on_close: called before the channel is closed, with the lock held.
        """
        self.uri = self.server_name = target.uri
        self._target = target
        self._on_open = on_open
        self._on_close = on_close
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start without an open channel in a forked child."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stubs: Stubs | None = None
        self._closing: list[Stubs] = []
        self._reads: WeakSet[PendingRead[Any]] = WeakSet()
        self._address: str | None = None
        self._must_find_server = False  # the server of a file did not answer: look for it again
        self._is_suspended = False
        self._active_calls = 0

    @contextmanager
    def use(self) -> Iterator[Stubs]:
        """Open the channel if needed, and count a call as under way while it uses the stubs."""
        with self._lock:
            self._changed.wait_for(lambda: not self._is_suspended)
            stubs = self._open()
            self._active_calls += 1
        try:
            yield stubs
        finally:
            with self._lock:
                self._active_calls -= 1
                self._changed.notify_all()

    def is_open(self, stubs: Stubs) -> bool:
        """Return whether these stubs are those of the channel that is open now."""
        return stubs is self._stubs

    def add_read(self, read: PendingRead[Any]) -> None:
        """Detach this read when the channel is closed; called inside of `use`."""
        with self._lock:
            self._reads.add(read)

    def find_server_again(self) -> None:
        """Look for the server of a file again before the next call, because it did not answer."""
        self._must_find_server = True

    def open_log_stream(self, messages: Iterator[bytes]) -> Iterable[LogBatchResponse]:
        """Open a LogBatch stream of serialized requests, waiting for a server that is starting.

        Raises:
            Unavailable: the server cannot be started; or the process forks, reason `FORKING`.
        """
        with self._lock:
            if self._is_suspended:
                raise Unavailable("the process is forking", reason=FORKING)
            self._must_find_server = True  # there is no stream, maybe because there is no server
            return self._open().log_batch(messages)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the channel; the next use opens one again."""
        with self._lock:
            self._close()

    def close_if_idle(self) -> bool:
        """Close the channel, unless a call is under way; return whether it is closed."""
        with self._lock:
            if not self._active_calls:
                self._close()
            return not self._active_calls

    def suspend(self) -> bool:
        """Close the channel before a fork, and open none before `resume`.

        Return whether it was open.
        """
        with self._lock:
            self._is_suspended = True
            self._changed.wait_for(lambda: not self._active_calls, _FORK_GRACE_SECONDS)
            was_open = self._stubs is not None or bool(self._closing)
            self._close()  # cancels the calls that are left
            self._changed.wait_for(lambda: not self._active_calls, CANCEL_SECONDS)
        return was_open

    def resume(self) -> None:
        """Let calls open the channel again after a fork, in the parent."""
        with self._lock:
            self._is_suspended = False
            self._changed.notify_all()

    def _open(self) -> Stubs:
        if self._stubs is not None and not (self._must_find_server and self._target.database):
            return self._stubs
        address = self._target.grpc_target or embedded.ensure_server(str(self._target.database))
        self._must_find_server = False
        if self._stubs is None or address != self._address:
            self._close()
            self._address = address
            self._stubs = Stubs(open_channel(address, self._target.secure))
            self.server_name = self.uri + proxies.via_proxy(proxies.grpc_proxy(address))
            self._on_open()
        return self._stubs

    def _close(self) -> None:
        """Close the channel; called again after an interrupt, it does what is left."""
        if self._stubs is not None:
            self._closing.append(self._stubs)
            # Before the calls end, so that those who wait for them learn that this is why.
            self._stubs = None
        if self._closing:
            for read in list(self._reads):
                read.detach()
            self._on_close()
            for stubs in self._closing:
                close_channel(stubs.channel)
            self._closing.clear()
