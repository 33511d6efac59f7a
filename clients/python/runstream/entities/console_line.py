"""A line of the console of a run."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.v1 import console_pb2


@dataclass(frozen=True)
class ConsoleLine:
    """A line that a program of a run wrote.

    Attributes:
        number: its place in the console, from 1. Numbers that are missing are lines that were
            removed, because only the first and the last lines of a long console are kept.
        stream: `stdout` or `stderr`.
        timestamp: when its text was complete, in milliseconds since the epoch.
        text: the text, without the end of the line; control characters may be in it.
    """

    number: int
    stream: str
    timestamp: int
    text: str

    @classmethod
    def from_proto(cls, message: console_pb2.ConsoleLine) -> ConsoleLine:
        """Convert the message of the contract."""
        is_stderr = message.stream == console_pb2.CONSOLE_STREAM_STDERR
        stream = "stderr" if is_stderr else "stdout"
        return cls(message.number, stream, message.timestamp, message.text)
