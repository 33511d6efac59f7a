"""The process that reads the console of a program which captures its own output.

The program cannot read it itself: a thread of it would need Python's global lock, which a call in C
that writes may hold, and would end with the program before it has read what the program wrote last.
This process goes on until no process has the channels open.

It is started by `runstream.console.capture`, with the descriptors in the arguments.
"""

from __future__ import annotations

import contextlib
import socket
import sys

from runstream.calls.client import TrackingClient
from runstream.console.channel import Channel
from runstream.console.recorder import Recorder
from runstream.console.relay import Relay
from runstream.errors import RunstreamError

#: Seconds that the end of the run waits for the last lines to reach the server. They are on the
#: disk of this machine by then, and the end of this process sends them.
SECONDS = 5.0

#: What the program sends to end the recording, and what it is answered.
STOP, DONE = b"s", b"d"


def main() -> None:
    """Read and record until the program says that its run ends, or ends itself."""
    uri, run_id, control_descriptor, *rest = sys.argv[1:]
    channels = []
    for entry in rest:
        descriptor, target, reader = map(int, entry.split(","))
        channels.append(Channel(descriptor, target, reader))
    client = TrackingClient(uri)
    with socket.socket(fileno=int(control_descriptor)) as control:
        buffer = client.buffer(run_id)
        recorder = Recorder(buffer.log_console, lambda: client.has_unanswered_lines(run_id))
        relay = Relay(channels, recorder)
        relay.start()
        is_asked = control.recv(1) == STOP
        if is_asked:
            relay.stop()
        else:  # the program has ended; processes that it started may go on
            relay.wait_for_end()
        with contextlib.suppress(RunstreamError):  # the program reports what is not delivered
            client.flush_run(run_id, SECONDS)
        if is_asked:
            with contextlib.suppress(OSError):
                control.sendall(DONE)
            _pass_on(channels)


def _pass_on(channels: list[Channel]) -> None:
    """Pass on what processes write that have the channels still, without recording it."""
    left = [channel for channel in channels if channel.reader >= 0]
    if left:
        relay = Relay(left, Recorder(lambda _: None, lambda: True))
        relay.start()
        relay.wait_for_end()
