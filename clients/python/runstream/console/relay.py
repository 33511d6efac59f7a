"""The loop that reads what programs write, passes it on as it is, and records its lines."""

from __future__ import annotations

import logging
import os
import select
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from runstream.console.channel import Channel
from runstream.console.lines import LineAssembler
from runstream.console.recorder import INTERVAL, Recorder

log = logging.getLogger("runstream")

_READ_BYTES = 64 * 1024

# Reads after the end, which take more than a pipe or a pseudo-terminal can hold.
_LAST_READS = 64


class Relay:
    """A thread that reads channels until it is stopped."""

    def __init__(self, channels: Sequence[Channel], recorder: Recorder) -> None:
        self._channels = {channel.reader: channel for channel in channels}
        self._assemblers = {c.reader: LineAssembler(c.stream) for c in channels}
        self._recorder = recorder
        self._has_failed = False
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="runstream-console", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        for reader in (*self._channels, self._wake_reader):
            os.set_blocking(reader, False)
            self._selector.register(reader, selectors.EVENT_READ)
        self._thread.start()

    def wait_for_end(self) -> None:
        """Wait until no process has a channel open any more."""
        self._thread.join()

    def stop(self) -> None:
        """Pass on and record what was written before, and end the thread."""
        os.write(self._wake_writer, b"\0")
        self._thread.join()
        self._selector.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    def _run(self) -> None:
        next_flush = time.monotonic() + INTERVAL
        is_stopped = False
        while not is_stopped:
            ready = self._selector.select(max(0.0, next_flush - time.monotonic()))
            readers = [key.fd for key, _ in ready]
            is_stopped = self._wake_reader in readers or not self._channels
            for reader in readers:
                if reader != self._wake_reader:
                    self._read(reader)
            if time.monotonic() >= next_flush:
                next_flush = time.monotonic() + INTERVAL
                self._flush()
        for reader, assembler in self._assemblers.items():
            for _ in range(_LAST_READS):  # processes that were left behind may go on writing
                if reader not in self._channels or not self._read(reader):
                    break
            self._record(partial(self._finish, assembler))
        self._record(self._recorder.finish)

    def _flush(self) -> None:
        for channel in self._channels.values():
            channel.adopt_size()
        self._record(self._update)

    def _finish(self, assembler: LineAssembler) -> None:
        self._recorder.add(assembler.finish())

    def _update(self) -> None:
        for assembler in self._assemblers.values():
            self._recorder.add(assembler.update())
        self._recorder.flush()

    def _record(self, function: Callable[[], None]) -> None:
        """Do a part of recording; a fault is one warning, and ends the recording alone."""
        if not self._has_failed:
            try:
                function()
            except Exception:
                self._has_failed = True
                log.warning("the console of a run is not recorded any more", exc_info=True)

    def _read(self, reader: int) -> bool:
        """Read once; return whether there was anything."""
        try:
            data = os.read(reader, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # of a pseudo-terminal whose other end is closed
            data = b""
        if not data:
            self._drop(reader)
            return False
        self._record(lambda: self._recorder.add(self._assemblers[reader].feed(data)))
        channel = self._channels[reader]
        try:
            _write_all(channel.target, data)
        except OSError:  # whoever read it has gone, as in `| head`
            # The program is to notice. Where another process has the reader, too, closing it here
            # would leave a channel that nobody reads, and the program would wait for ever.
            if channel.is_opened_here:
                self._drop(reader)
                channel.close_reader()
        return True

    def _drop(self, reader: int) -> None:
        self._selector.unregister(reader)
        del self._channels[reader]


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another program has made it so
            select.select([], [descriptor], [])
