"""Interrupts at chosen moments, as a signal handler makes them."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import runstream

PACKAGE = os.path.dirname(runstream.__file__)


class Interrupted(BaseException):
    """What a signal handler raises."""


@contextmanager
def interrupt_at(instruction: int) -> Iterator[None]:
    """Raise `Interrupted` at the n-th instruction of the package that this thread executes.

    No garbage is collected meanwhile: in `__del__`, an interrupt would be passed over.
    """
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

    gc.disable()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        gc.enable()


def run_in_own_thread(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test that uses `interrupted_at` in a thread of its own.

    An exception that is raised right after the interpreter entered an `except` block, and before
    the instructions that leave it, lets the thread handle the exception of that block for ever:
    every later exception of the thread has it as its context.
    """

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(test, *arguments, **named).result()

    return run
