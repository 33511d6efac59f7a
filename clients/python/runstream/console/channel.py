"""The channel that takes the place of a program's stdout or stderr.

It is a pseudo-terminal where there is a terminal, so that programs go on to show colours and
progress bars, and a pipe elsewhere.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import tty

from runstream.v1.console_pb2 import CONSOLE_STREAM_STDERR, CONSOLE_STREAM_STDOUT

_STREAMS = {1: CONSOLE_STREAM_STDOUT, 2: CONSOLE_STREAM_STDERR}
_NO_SIZE = struct.pack("4H", 0, 0, 0, 0)


class Channel:
    """A channel from a program to the file that was its stdout or stderr.

    Attributes:
        descriptor: 1 or 2.
        target: the descriptor of that file.
        reader: the descriptor from which is read what the program writes.
        writer: the descriptor to which the program writes; -1 if it is closed here.
        is_opened_here: whether no other process reads it.
        stream: which stream it is, as the contract has it.
    """

    def __init__(self, descriptor: int, target: int, reader: int | None = None) -> None:
        """Open a channel.

        Args:
            descriptor: 1 or 2.
            target: the descriptor of the file.
            reader: where to read, if another process has opened the channel.
        """
        self.descriptor = descriptor
        self.stream = _STREAMS[descriptor]
        self.target = target
        self._is_terminal = os.isatty(target)
        self._size = b""
        self.writer = -1
        self.is_opened_here = reader is None
        if reader is not None:
            self.reader = reader
        elif self._is_terminal:
            self.reader, self.writer = pty.openpty()
            tty.setraw(self.writer)  # the terminal itself does what a terminal does
            self.adopt_size()
        else:
            self.reader, self.writer = os.pipe()

    def adopt_size(self) -> None:
        """Give the pseudo-terminal the size that the terminal has now."""
        if self._is_terminal:
            size = fcntl.ioctl(self.target, termios.TIOCGWINSZ, _NO_SIZE)
            if size != self._size:
                self._size = size
                fcntl.ioctl(self.reader, termios.TIOCSWINSZ, size)

    def close_reader(self) -> None:
        """Close the end that is read: who writes gets an error or SIGPIPE."""
        os.close(self.reader)
        self.reader = -1

    def close_writer(self) -> None:
        """Close the end that is written to here; the program may have it, too."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Close both ends."""
        if self.reader >= 0:
            self.close_reader()
        self.close_writer()
