"""Captures of stdout and stderr: of a program that is launched, and of this process."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runstream.calls.client import TrackingClient
from runstream.console.channel import Channel
from runstream.console.helper import DONE, STOP
from runstream.console.recorder import Recorder
from runstream.console.relay import Relay

log = logging.getLogger("runstream")

#: Seconds that the end of a run waits for its last lines to be on disk.
END_SECONDS = 10.0

# `-c` rather than `-m`: the current folder may have a module of any name.
_HELPER = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    "from runstream.console.helper import main; main()"
)


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


class OutputCapture:
    """The capture of what this process and its children write, until `stop`.

    The file descriptors 1 and 2 lead to a helper process, which passes on what comes and records
    it. Where `sys.stdout` or `sys.stderr` do not write to them, as in a notebook, what is written
    there is recorded, too.
    """

    def __init__(self, uri: str, run_id: str) -> None:
        """Start to capture.

        Args:
            uri: the tracking URI of the run.
            run_id: the run.

        Raises:
            OSError: the helper cannot be started; nothing is captured.
        """
        self._run_id = run_id
        self._is_stopped = self._is_done = False
        self._ended = threading.Event()  # the helper has recorded all, or has failed
        self._redirected: dict[int, tuple[int, int]] = {}
        self._streams: list[tuple[str, _RecordedStream]] = []
        self._relay: Relay | None = None  # in place of a helper that has failed
        _flush_streams()
        self._channels = [Channel(number, os.dup(number)) for number in (1, 2) if _is_open(number)]
        self._channels += self._open_stream_channels()
        self._control, theirs = socket.socketpair()
        with theirs:
            try:
                self._helper = _start_helper(uri, run_id, theirs.fileno(), self._channels)
            except OSError:
                self._close()
                raise
        self._redirect()
        threading.Thread(target=self._watch_helper, name="runstream-console", daemon=True).start()

    def stop(self) -> None:
        """Capture no more; return when all lines are on disk, or after `END_SECONDS`."""
        self._is_stopped = True
        self._restore()
        with suppress(OSError):
            self._control.sendall(STOP)
        self._ended.wait(END_SECONDS)
        if not self._is_done:
            log.warning("the last lines of the console of run %s may be missing", self._run_id)
        if self._ended.is_set() and not self._is_done:
            self._pass_on()
        else:
            self._close()

    def _open_stream_channels(self) -> list[Channel]:
        """Open channels for streams of Python that do not write to the descriptors 1 and 2."""
        channels = []
        for number, name in ((1, "stdout"), (2, "stderr")):
            stream = getattr(sys, name)
            if stream is not None and _descriptor_of(stream) != number:
                channel = Channel(number, os.open(os.devnull, os.O_WRONLY))
                channels.append(channel)
                self._streams.append((name, _RecordedStream(stream, channel.writer)))
        return channels

    def _redirect(self) -> None:
        direct = len(self._channels) - len(self._streams)
        for channel in self._channels[:direct]:
            os.dup2(channel.writer, channel.descriptor)
            channel.close_writer()
            self._redirected[channel.descriptor] = _identity(channel.descriptor)
        for name, stream in self._streams:
            setattr(sys, name, stream)

    def _restore(self) -> None:
        """Put back what was there before, unless somebody else has replaced it meanwhile."""
        _flush_streams()
        for name, stream in self._streams:
            if getattr(sys, name) is stream:
                setattr(sys, name, stream.original)
            stream.descriptor = -1
        for channel in self._channels:
            number = channel.descriptor
            if channel.writer < 0 and _identity(number) == self._redirected.get(number):
                os.dup2(channel.target, number)

    def _watch_helper(self) -> None:
        """Wait for the end of the helper, and take its place if it comes unasked."""
        with suppress(OSError):
            self._is_done = self._control.recv(1) == DONE
        if not self._is_stopped:
            log.warning("the console of run %s is not recorded any more", self._run_id)
            self._pass_on()
            self._restore()
        self._ended.set()
        self._helper.wait()

    def _pass_on(self) -> None:
        """Pass on what is in the channels, as the helper did, and what children still write."""
        if self._relay is None:
            self._relay = self._start_relay()
        self._relay.stop()
        self._relay = self._start_relay()

    def _start_relay(self) -> Relay:
        channels = [channel for channel in self._channels if channel.reader >= 0]
        relay = Relay(channels, Recorder(lambda _: None, lambda: True))
        relay.start()
        return relay

    def _close(self) -> None:
        self._control.close()
        for channel in self._channels:
            channel.close()
            os.close(channel.target)


class _RecordedStream:
    """A stream of Python, whose texts are written to a channel, too."""

    def __init__(self, original: Any, descriptor: int) -> None:
        self.original = original
        self.descriptor = descriptor

    def write(self, text: str) -> Any:
        written = self.original.write(text)  # which refuses what is no text
        if self.descriptor >= 0 and isinstance(text, str):
            with suppress(OSError):
                os.write(self.descriptor, text.encode(errors="replace"))
        return written

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


def _start_helper(
    uri: str, run_id: str, control: int, channels: Sequence[Channel]
) -> subprocess.Popen[bytes]:
    entries = [f"{c.descriptor},{c.target},{c.reader}" for c in channels]
    path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(  # noqa: S603 # this interpreter, with our own program
        [sys.executable, "-c", _HELPER, uri, run_id, str(control), *entries],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[control, *(fd for c in channels for fd in (c.target, c.reader))],
        start_new_session=True,  # Ctrl-C is for the program, which still writes after it
    )


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _descriptor_of(stream: Any) -> int:
    try:
        return int(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return -1


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _identity(descriptor: int) -> tuple[int, int]:
    """Return what tells one open file from another."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return (-1, -1)
    return (status.st_dev, status.st_ino)
