"""The exit status of the program, which decides the status of the runs that it left open (R5).

Python does not tell: at `atexit` the exception that ends a program is gone, and a SystemExit leaves
no trace at all. So this module records the status of each exit as it is asked for, and
`watch_main_program` keeps the frame of the main program, which tells whether an exception has
ended it.

Up to Python 3.11 one exit cannot be seen: that by a `sys.exit` which the program looked up before
it imported this module, with no `try` around it. It counts as a good one.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # typeshed does not know it
import dis
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, NoReturn

#: Exit status of a program that could not deliver all that it logged. It is the one by which
#: Python itself says that output could not be written out at the end.
UNDELIVERED = 120

# Signals that end a program unless it handles them. SIGUSR1 and SIGUSR2 do so, too, but schedulers
# and training frameworks give them a meaning of their own, and look whether they are taken.
_TERMINATING = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU")

_our_handlers: dict[int, Callable[[int, FrameType | None], None]] = {}  # ours, by signal
_held_back: list[int] = []  # signals that wait until a fork is over
_exit: Callable[[Any], NoReturn] = sys.exit
_main: FrameType | None = None  # the outermost frame of the main thread
_exit_code: object = None  # what the last SystemExit said
_last_error: object = None  # the last error that was printed before it


def run_status(error: BaseException | None) -> str:
    """Return the status of a run that is ended by an error, or without one (R5)."""
    if error is None:
        return "FINISHED"
    if isinstance(error, SystemExit):
        return _status_of_exit_code(error.code)
    cancelled = getattr(sys.modules.get("asyncio"), "CancelledError", KeyboardInterrupt)
    return "KILLED" if isinstance(error, (KeyboardInterrupt, cancelled)) else "FAILED"


def run_status_at_exit() -> str:
    """Return the status of runs that the program left open, at its end (R5)."""
    # A child of multiprocessing finishes while the exception that ended it is being handled.
    handled = sys.exc_info()[1]
    if handled is not None:
        return run_status(handled)
    # In a shell an exception ends nothing, and each input is a program of its own.
    if _main is None or hasattr(sys, "ps1") or _has_returned(_main):
        return "FINISHED"
    error = getattr(sys, "last_value", None)
    return _status_of_exit_code(_exit_code) if error is _last_error else run_status(error)


def watch_main_program() -> None:
    """Note from now on how the program ends."""
    global _main
    if _main is None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        while frame is not None and frame.f_back is not None:
            frame = frame.f_back
        _main = frame
        _watch_system_exit()


def catch_signals(finish: Callable[[str], None]) -> None:
    """Call a function before a signal ends the program, where nobody else handles it.

    A second signal ends it at once. Only the main thread can set this up; elsewhere nothing is
    done. A forked child begins without it.

    Args:
        finish: called with the status of runs, `KILLED`; then the signal takes its effect.
    """

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        try:
            finish("KILLED")
        finally:
            signal.raise_signal(number)

    if threading.current_thread() is threading.main_thread():
        for name in _TERMINATING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                with suppress(ValueError):  # this is a subinterpreter
                    signal.signal(number, end)
                    _our_handlers[number] = end


def _before_fork() -> None:
    # Python drops a signal that comes to a child before it is set up: let it come later.
    _held_back[:] = _our_handlers.keys() - signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signal.pthread_sigmask(signal.SIG_BLOCK, _held_back)


def _after_fork_in_child() -> None:
    _record_exit_code(None)
    for number, handler in _our_handlers.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)
    _let_come()
    _our_handlers.clear()


# The function of C, which that of `signal` calls: a signal handler cannot raise before it has done
# its work. One of Python could be left at its first line, and no signal would end the program.
_let_come = partial(_signal.pthread_sigmask, signal.SIG_UNBLOCK, _held_back)


def exit_as_undelivered() -> None:
    """Let the program, which is ending, exit with the status `UNDELIVERED` instead of 0."""
    if exit_code() == 0 and sys.stderr is not None:
        sys.stderr = _FailingStderr(sys.stderr)


def exit_code() -> int:
    """Return the exit status of a program that ends now by itself."""
    return 0 if run_status_at_exit() == "FINISHED" else 1


def exit_as_interrupted() -> None:
    """Let the program, which is ending, exit by SIGINT if Ctrl-C ended it.

    Python means to do so, but forgets it when any thread runs code that is a string, as the import
    of a module with a dataclass does.
    """
    error = getattr(sys, "last_value", None)
    if run_status_at_exit() == "KILLED" and type(error) is KeyboardInterrupt:
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102 - Python notes the end of such code


class _FailingStderr:
    """The stderr of a program that is ending, which Python cannot flush at the very end.

    Python ends with the status 120 then. No other way to set a status at that time lets the rest of
    the end, such as what else is registered at `atexit`, take its course.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def flush(self) -> None:
        self._stream.flush()
        try:
            sys._getframe(1)
        except ValueError:  # no function of Python calls this, so it is the very end
            raise OSError("not all that was logged is delivered") from None


def _status_of_exit_code(code: object) -> str:
    ended_well = code is None or (isinstance(code, int) and code == 0)
    return "FINISHED" if ended_well else "FAILED"


def _has_returned(frame: FrameType) -> bool:
    last = dis.opname[frame.f_code.co_code[frame.f_lasti]] if frame.f_lasti >= 0 else ""
    return last.startswith("RETURN_")


def _exit_and_record(status: object = None, /) -> NoReturn:
    """Exit the program, as `sys.exit` of Python does."""
    _record_exit_code(status)
    _exit(status)


def _record_exit_code(code: object) -> None:
    global _exit_code, _last_error
    if threading.current_thread() is threading.main_thread():
        _exit_code, _last_error = code, getattr(sys, "last_value", None)


def _watch_system_exit() -> None:
    """Note the `code` of each SystemExit that Python reads: it does so when it exits by one.

    `raise SystemExit(3)` passes by `sys.exit`. That attribute is the one thing of it that can be
    seen, and to see it, it has to be replaced in a class of Python's own.
    """
    import ctypes

    names: Any = gc.get_referents(SystemExit.__dict__)[0]
    member = names["code"]

    class Code:
        """The attribute `code`, which notes what it is when it is read."""

        def __get__(self, error: SystemExit | None, owner: object = None) -> object:
            if error is None:
                return self
            code = member.__get__(error)
            _record_exit_code(code)
            return code

        def __set__(self, error: SystemExit, code: object) -> None:
            member.__set__(error, code)

    names["code"] = Code()
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(SystemExit))


# Here and not in `watch_main_program`, because `sys.exit(main())` looks up `exit` before the first
# run starts.
sys.exit = _exit_and_record

os.register_at_fork(
    before=_before_fork,
    after_in_parent=_let_come,
    after_in_child=_after_fork_in_child,
)
