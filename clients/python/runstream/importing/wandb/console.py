"""The lines of a console, made of what a program wrote piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runstream.importing.source import SourceLine

_STREAMS = ("stderr", "stdout")  # W&B's numbers of them


def assemble_lines(pieces: Iterable[tuple[int, int, str]]) -> Iterator[SourceLine]:
    """Yield lines in the order in which they were complete.

    Of a line that was written over after `\\r`, as progress bars do, the last text stands.

    Args:
        pieces: number of the stream, milliseconds since the epoch, text.
    """
    opened = ["", ""]
    last = 0
    for number, timestamp, text in pieces:
        stream = min(max(number, 0), 1)
        *complete, rest = (opened[stream] + text).split("\n")
        for line in complete:
            yield SourceLine(_STREAMS[stream], timestamp, _visible_text(line))
        opened[stream] = _visible_text(rest) + ("\r" if rest.endswith("\r") else "")
        last = timestamp
    for stream, rest in enumerate(opened):
        if rest:
            yield SourceLine(_STREAMS[stream], last, _visible_text(rest))


def _visible_text(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
