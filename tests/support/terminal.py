"""Programs on a terminal: a real one, of the kernel."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence

from support.server_process import ENVIRONMENT

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program with a terminal as its stdin, stdout and stderr.

    Attributes:
        process: the program.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], columns: int = 80
    ) -> None:
        self._controller, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            env=ENVIRONMENT | dict(environment) | {"TERM": "xterm", "LANG": "C.UTF-8"},
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(end)
        self._output = ""
        self._is_read = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._controller, 65536)
            except OSError:  # no process has the other side open any more
                part = b""
            with self._changed:
                self._output += part.decode(errors="replace")
                self._is_read = not part
                self._changed.notify_all()
            if not part:
                return

    def wait_for(self, text: str) -> None:
        """Wait until the program has printed this, which may be read after its end."""
        with self._changed:
            self._changed.wait_for(lambda: text in self._output or self._is_read, 60)
            assert text in self._output

    def type(self, keys: str) -> None:
        os.write(self._controller, keys.encode())

    def end(self) -> tuple[int, list[str]]:
        """Wait for the end; return the status and the lines that were printed."""
        status = self.process.wait(60)
        self._reader.join(60)
        return status, _COLOURS.sub("", self._output).replace("\r\n", "\n").splitlines()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._reader.join()
        os.close(self._controller)
