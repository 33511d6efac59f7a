"""The lines of a run on their way to its outbox.

Output must not fill the outbox, because calls that log points would wait for it then. So lines are
handed over only when the server has answered those before, at most a mebibyte a second. What comes
faster waits here, up to two mebibytes; beyond that the oldest that wait are left out, and a line
says how many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from runstream.v1.console_pb2 import ConsoleLine

#: Bytes of lines that are handed over in a second.
BYTES_PER_SECOND = 1024 * 1024

#: Bytes of lines that wait.
WAITING_BYTES = 2 * 1024 * 1024

#: Seconds between two times at which lines are handed over.
INTERVAL = 0.5

_LINE_BYTES = 64  # of a line beside its text


class Recorder:
    """The lines of one run, used by one thread."""

    def __init__(
        self, send: Callable[[list[ConsoleLine]], None], is_busy: Callable[[], bool]
    ) -> None:
        """Make a recorder.

        Args:
            send: takes lines, and raises nothing.
            is_busy: whether lines that it took before have no answer.
        """
        self._send = send
        self._is_busy = is_busy
        self._waiting: deque[ConsoleLine] = deque()
        self._bytes = 0
        self._left_out = 0
        self._last_left_out: ConsoleLine | None = None

    def add(self, lines: Iterable[ConsoleLine]) -> None:
        """Let lines wait, and leave out the oldest if these are too many."""
        for line in lines:
            self._waiting.append(line)
            self._bytes += _size(line)
        while self._bytes > WAITING_BYTES:
            self._last_left_out = self._take()
            self._left_out += 1

    def flush(self) -> None:
        """Hand over what may go now."""
        if not self._is_busy():
            self._hand_over(int(BYTES_PER_SECOND * INTERVAL))

    def finish(self) -> None:
        """Hand over all that waits."""
        self._hand_over(WAITING_BYTES)

    def _hand_over(self, room: int) -> None:
        lines: list[ConsoleLine] = []
        if self._last_left_out is not None:  # the place of the last of them is free
            notice, self._last_left_out = self._last_left_out, None
            words = "line is" if self._left_out == 1 else "lines are"
            notice.text = (
                f"[runstream: {self._left_out:,} {words} left out here: "
                "more was written than can be stored in this time]"
            )
            self._left_out = 0
            lines.append(notice)
        while self._waiting and room > 0:
            line = self._take()
            room -= _size(line)
            lines.append(line)
        if lines:
            self._send(lines)

    def _take(self) -> ConsoleLine:
        line = self._waiting.popleft()
        self._bytes -= _size(line)
        return line


def _size(line: ConsoleLine) -> int:
    return _LINE_BYTES + len(line.text)
