"""Interrupts at chosen moments, as a signal handler makes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import runstream

PACKAGE = os.path.dirname(runstream.__file__)


class Interrupted(BaseException):
    """What a signal handler raises."""


@contextmanager
def interrupted_at(instruction: int) -> Iterator[None]:
    """Raise `Interrupted` at the n-th instruction of the package that this thread executes."""
    left = instruction

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if not left:
                sys.settrace(None)
                raise Interrupted
            left -= 1
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
