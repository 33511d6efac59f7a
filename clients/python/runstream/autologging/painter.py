"""Figures, drawn where neither a training nor the program of the user notices it.

They are drawn by Matplotlib in a process of its own, where `draw_figures` runs: Matplotlib is
neither imported into the program nor slowed down by it, and the program's own figures and settings
of Matplotlib stay as they are.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakSet

from runstream.autologging.training import Training, within
from runstream.files.folder_transfer import make_temporary_folder
from runstream.process import shutdown

#: Figures that may wait to be drawn; where trainings come faster than that, some are left out.
MAX_WAITING = 100

# Runs the file of the program, which need not be able to import this package.
_PROGRAM = f"""
import runpy
runpy.run_path({str(Path(__file__).with_name("draw_figures.py"))!r}, run_name="__main__")
"""

# Seconds that a figure may take; the first one waits for the import of Matplotlib.
_DRAW_SECONDS = 60.0


@lru_cache(maxsize=1)
def can_draw() -> bool:
    """Return whether there is Matplotlib, and a Python to run it in."""
    return bool(sys.executable) and find_spec("matplotlib") is not None


@dataclass(frozen=True, eq=False)
class _Request:
    """A figure that waits to be drawn; it is dropped once it is drawn or given up."""

    name: str
    compute: Callable[[], Mapping[str, Any]]


class _Painter:
    """The process that draws; it starts with the first figure, and ends with this one."""

    def __init__(self) -> None:
        self.reset_after_fork()
        shutdown.call_at_end(self.close)

    def reset_after_fork(self) -> None:
        """Start without a process: that of the parent is its own."""
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()  # of `draw`, which the threads of several servers may call
        self._waiting: WeakSet[_Request] = WeakSet()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def draw_later(
        self, training: Training[Any], name: str, compute: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Draw a figure and upload it, on a thread where nobody waits for it."""
        if len(self._waiting) < MAX_WAITING:
            request = _Request(name, compute)
            self._waiting.add(request)
            training.defer_slow(self._draw_and_upload, training, request)
        else:
            training.warn(
                f"{MAX_WAITING} figures wait to be drawn, so some are left out, such as {name}"
            )

    def _draw_and_upload(self, training: Training[Any], request: _Request) -> None:
        with within(None, is_off=True):
            figure = request.compute()
        # No TemporaryDirectory: the end of a program removes those before this is done.
        folder = make_temporary_folder()
        file = folder / request.name
        try:
            with self._lock:
                self.draw(figure, file)
            training.run.client.log_artifact(training.run.run_id, file)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def draw(self, figure: Mapping[str, Any], file: Path) -> None:
        """Draw a figure into a file.

        Raises:
            RuntimeError: it cannot be drawn, or it takes too long.
        """
        process = self._running_process()
        assert process.stdin is not None  # noqa: S101 - for the types: both are pipes
        assert process.stdout is not None  # noqa: S101
        answer = ""
        try:
            process.stdin.write(json.dumps({**figure, "file": str(file)}) + "\n")
            process.stdin.flush()
            if select.select([process.stdout], [], [], _DRAW_SECONDS)[0]:
                answer = process.stdout.readline().strip()
        except OSError as error:
            answer = str(error)
        if answer != "drawn":
            self.close()
            raise RuntimeError(f"{file.name} cannot be drawn: {answer or 'no answer'}")

    def _running_process(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - a program of our own
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the training
            )
        return self._process


_painter = _Painter()
os.register_at_fork(after_in_child=_painter.reset_after_fork)


def draw_later(
    training: Training[Any], name: str, compute: Callable[[], Mapping[str, Any]]
) -> None:
    """Draw a figure of a training and upload it, on a thread where nobody waits for it.

    Args:
        training: the training.
        name: name of the file.
        compute: returns the figure, as `draw_figures` takes it.
    """
    _painter.draw_later(training, name, compute)
