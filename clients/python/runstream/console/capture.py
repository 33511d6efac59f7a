"""Records what is written to channels, for a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from runstream.calls.client import TrackingClient
from runstream.console.channel import Channel
from runstream.console.recorder import Recorder
from runstream.console.relay import Relay


@contextmanager
def recorded_channels(client: TrackingClient, run_id: str) -> Iterator[Sequence[Channel]]:
    """Open channels to the stdout and stderr of this process, and record what is written to them.

    At the end, what was written before is recorded, and queued for the run.
    """
    buffer = client.buffer(run_id)
    recorder = Recorder(buffer.log_console, lambda: client.has_unanswered_lines(run_id))
    channels = [Channel(descriptor, descriptor) for descriptor in (1, 2)]
    relay = Relay(channels, recorder)
    relay.start()
    try:
        yield channels
    finally:
        relay.stop()
        for channel in channels:
            channel.close()
