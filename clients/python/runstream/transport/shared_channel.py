"""The channels of a process to its servers: opened when needed, closed before a fork."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from runstream.errors import Unavailable
from runstream.transport import embedded, proxies
from runstream.transport.channel import Stubs, close_channel, open_channel
from runstream.transport.connection_problem import find_problem
from runstream.transport.pending_read import PendingRead
from runstream.transport.round_robin import RoundRobin
from runstream.transport.token import TokenSource
from runstream.transport.tracking_uri import Target
from runstream.v1.logging_service_pb2 import LogBatchResponse

#: Reason of the Unavailable of a stream that is opened while the process forks.
FORKING = "FORKING"

#: Seconds that gRPC gets to end the calls that it cancels.
CANCEL_SECONDS = 2.0

# Seconds that calls under way get to end by themselves before a fork.
_FORK_GRACE_SECONDS = 1.0


class SharedChannel:
    """A channel to each server of a tracking URI, which all calls of a process share.

    Each use takes the channel of the next server. Any thread may call every method. The lock covers
    all private attributes. It is held while a channel is opened, which may have to wait for a
    server to start; calls do that on a thread of `CallThreads`. The main thread takes the lock
    itself to close the channels. It does so by a `with` of the lock, which is written in C, so that
    no signal handler runs after the lock is taken and before the `with` block begins; a `with` of
    the condition would be written in Python.

    Attributes:
        uri: tracking URI of the servers.
        server_name: name of the servers, for people, with the proxies that lead to them.
    """

    def __init__(
        self,
        target: Target,
        token: TokenSource,
        on_open: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        """Make channels that are not open yet.

        Args:
            target: the servers.
            token: says who calls.
            on_open: called when a channel was opened, with the lock held.
            on_close: called before the channels are closed, with the lock held.
        """
        self.uri = self.server_name = target.uri
        self._target = target
        self._token = token
        self._on_open = on_open
        self._on_close = on_close
        self._has_found_server = False  # whether that of a file was ever there
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start without an open channel in a forked child."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._servers = RoundRobin(self._target.addresses)
        self._stubs: dict[str, Stubs] = {}  # by address
        self._closing: list[Stubs] = []
        self._reads: WeakSet[PendingRead[Any]] = WeakSet()
        self._stream_address: str | None = None  # where the last LogBatch stream was opened
        self._must_find_server = False  # the server of a file did not answer: look for it again
        self._is_suspended = False
        self._active_calls = 0

    @contextmanager
    def use(self) -> Iterator[Stubs]:
        """Open a channel if needed, and count a call as under way while it uses the stubs."""
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
        """Return whether these stubs are those of a channel that is open now."""
        return self._stubs.get(stubs.address) is stubs

    def has_available_server(self) -> bool:
        """Return whether there is a server that no call has found away just now."""
        return self._servers.has_available()

    def find_problem(self) -> Unavailable | None:
        """Return why no server can be reached, if that is known and waiting does not help."""
        return find_problem(self._target.addresses, self._target.secure)

    def add_read(self, read: PendingRead[Any]) -> None:
        """Detach this read when the channels are closed; called inside of `use`."""
        with self._lock:
            self._reads.add(read)

    def avoid_server(self, address: str) -> None:
        """Take another server for the next calls, because this one did not answer.

        The server of a file is looked for again.
        """
        self._must_find_server = True
        self._servers.avoid(address)

    def open_log_stream(self, messages: Iterator[bytes]) -> Iterable[LogBatchResponse]:
        """Open a LogBatch stream of serialized requests, waiting for a server that is starting.

        Raises:
            Unavailable: the server cannot be started; or the process forks, reason `FORKING`.
        """
        with self._lock:
            if self._is_suspended:
                raise Unavailable("the process is forking", reason=FORKING)
            self._must_find_server = True  # there is no stream, maybe because there is no server
            if self._stream_address is not None:
                self._servers.avoid(self._stream_address)  # it has ended the last stream
            stubs = self._open()
            self._stream_address = stubs.address
            return stubs.log_batch(messages)  # type: ignore[no-any-return]

    def open_delivery_stream(self, messages: Iterator[bytes]) -> tuple[str, Any]:
        """Open a LogBatch stream beside that of the uploader; return the server and the call."""
        with self.use() as stubs:
            return stubs.address, stubs.log_batch(messages)

    def close(self) -> None:
        """Close the channels; the next use opens one again."""
        with self._lock:
            self._close()

    def close_if_idle(self) -> bool:
        """Close the channels, unless a call is under way; return whether they are closed."""
        with self._lock:
            if not self._active_calls:
                self._close()
            return not self._active_calls

    def suspend(self) -> bool:
        """Close the channels before a fork, and open none before `resume`.

        Return whether one was open.
        """
        with self._lock:
            self._is_suspended = True
            self._changed.wait_for(lambda: not self._active_calls, _FORK_GRACE_SECONDS)
            was_open = bool(self._stubs or self._closing)
            self._close()  # cancels the calls that are left
            self._changed.wait_for(lambda: not self._active_calls, CANCEL_SECONDS)
        return was_open

    def resume(self) -> None:
        """Let calls open channels again after a fork, in the parent."""
        with self._lock:
            self._is_suspended = False
            self._changed.notify_all()

    def _open(self) -> Stubs:
        address = self._find_server() if self._target.database else self._servers.next()
        stubs = self._stubs.get(address)
        if stubs is None:
            stubs = Stubs(open_channel(address, self._target.secure), address, self._token)
            self._stubs[address] = stubs
            self.server_name = self.uri + proxies.via_proxies(self._target.addresses)
            self._on_open()
        return stubs

    def _find_server(self) -> str:
        """Return the address of the server of a file; close the channel if that has changed."""
        known = next(iter(self._stubs), None)
        if known is not None and not self._must_find_server:
            return known
        try:
            address = embedded.ensure_server(str(self._target.database))
        except Unavailable as error:
            if self._has_found_server and error.reason == embedded.NOT_STARTED:
                error.reason = embedded.NOT_ANSWERING  # what was there once may come back
            raise
        self._has_found_server = True
        self._must_find_server = False
        if address not in self._stubs:
            self._close()
        return address

    def _close(self) -> None:
        """Close the channels; called again after an interrupt, it does what is left."""
        if self._stubs:
            self._closing.extend(self._stubs.values())
            # Before the calls end, so that those who wait for them learn that this is why.
            self._stubs = {}
        if self._closing:
            for read in list(self._reads):
                read.detach()
            self._on_close()
            for stubs in self._closing:
                close_channel(stubs.channel)
            self._closing.clear()
            self._stream_address = None
