"""The lines of a stream, made of the bytes that a program writes.

A line that a program writes again and again after `\\r`, as progress bars do, is one line: its last
text stands. Control sequences, such as those of colours, stay in the text as they are.
"""

from __future__ import annotations

import codecs
import secrets
import time

from runstream.v1.console_pb2 import ConsoleLine, ConsoleStream

#: Characters after which a line is divided. UTF-8 takes 4 bytes at most, and the server accepts
#: 16,384 of them.
LINE_CHARACTERS = 4_000

# Seconds between two texts of a line that is not complete.
_UPDATE_SECONDS = 2.0


class LineAssembler:
    """The lines of one stream of one process."""

    def __init__(self, stream: ConsoleStream.ValueType) -> None:
        self._stream = stream
        self._writer = 1 + secrets.randbits(62)
        self._sequence = 0
        self._timestamp = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._open = ""  # the line that is not complete
        self._sent_open = ""  # its text that was returned last
        self._next_update = 0.0

    def feed(self, data: bytes) -> list[ConsoleLine]:
        """Return the lines that these bytes complete."""
        *complete, rest = (self._open + self._decoder.decode(data)).split("\n")
        lines = [line for text in complete for line in self._complete(_visible_text(text))]
        # What was written over is dropped; a `\r` at the end may be half of a line's end.
        self._open = _visible_text(rest) + ("\r" if rest.endswith("\r") else "")
        while len(self._open) > LINE_CHARACTERS:
            lines += self._complete(self._open[:LINE_CHARACTERS])
            self._open = self._open[LINE_CHARACTERS:]
        return lines

    def update(self) -> list[ConsoleLine]:
        """Return the line that is not complete, if its text has changed and it is time."""
        text = _visible_text(self._open)
        now = time.monotonic()
        if text in ("", self._sent_open) or now < self._next_update:
            return []
        self._next_update = now + _UPDATE_SECONDS
        self._sent_open = text
        return [self._line(text)]

    def finish(self) -> list[ConsoleLine]:
        """Return the line that was never completed, if there is one."""
        text = _visible_text(self._open + self._decoder.decode(b"", final=True))
        self._open = ""
        return self._complete(text) if text else []

    def _complete(self, text: str) -> list[ConsoleLine]:
        parts = [text[i : i + LINE_CHARACTERS] for i in range(0, len(text), LINE_CHARACTERS)]
        lines = []
        for part in parts or [""]:
            lines.append(self._line(part))
            self._sequence += 1
        self._sent_open = ""
        return lines

    def _line(self, text: str) -> ConsoleLine:
        # A later text replaces an earlier one, also if the clock was set back meanwhile.
        self._timestamp = max(self._timestamp, time.time_ns() // 1_000_000)
        return ConsoleLine(
            stream=self._stream,
            timestamp=self._timestamp,
            text=text,
            writer=self._writer,
            sequence=self._sequence,
        )


def _visible_text(line: str) -> str:
    """Return what is left of a line that was written over after `\\r`."""
    return line.rstrip("\r").rpartition("\r")[2]
