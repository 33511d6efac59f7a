"""The process of a launched program: its start, the signals that it gets, its end.

A program in the foreground of a terminal is in the process group of the launcher, as the programs
of a script are in that of their shell: it can read from the terminal, and Ctrl-C, Ctrl-Z and a
terminal that is closed reach it without the launcher. Elsewhere it has a process group of its own,
to which the launcher forwards its signals.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from io import RawIOBase
from threading import Thread

from runstream.console.channel import Channel

# Signals that are forwarded. The terminal sends some of them to all that is in its foreground.
_FORWARDED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_SENT_BY_TERMINAL = ("SIGINT", "SIGHUP", "SIGQUIT")

# Python ignores these, and what it starts would ignore them, too.
_IGNORED_BY_PYTHON = [
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)
]

_MAX_SIGNAL = 31  # those above are for programs to use as they like


def run_program(
    command: Sequence[str], environment: Mapping[str, str], channels: Sequence[Channel] = ()
) -> int:
    """Run a program to its end, and forward signals to it; return its exit status.

    It runs in the current folder, and has the open files of this process that are inheritable. What
    this process ignores, such as SIGHUP under `nohup`, it ignores, too. Only the main thread can
    call this.

    Args:
        command: the program and its arguments.
        environment: its environment.
        channels: what takes the place of its stdout and stderr.

    Returns:
        The exit status; the number of a signal that ended it, negated.

    Raises:
        OSError: it cannot be started.
    """
    shares_terminal = _is_in_foreground()

    def forward(number: int) -> None:
        if signal.Signals(number).name not in _FORWARDED:
            return
        if not shares_terminal:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)
        elif signal.Signals(number).name not in _SENT_BY_TERMINAL:
            os.kill(pid, number)

    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as numbers:
        with _signals_written_to(writer):
            spawn = os.posix_spawn if shares_terminal else partial(os.posix_spawn, setpgroup=0)
            # Unlike `subprocess`, it forks nothing that runs Python, sets signals, and passes on
            # the open files that a shell has made for the program, as in `<(...)`.
            pid = _spawn(
                lambda path, words: spawn(
                    path,
                    words,
                    environment,
                    file_actions=[(os.POSIX_SPAWN_DUP2, c.writer, c.descriptor) for c in channels],
                    setsigdef=_IGNORED_BY_PYTHON,
                ),
                command,
            )
            forwarding = Thread(target=lambda: [*map(forward, _read_numbers(numbers))])
            forwarding.start()
            # It is left as a zombie, so that no other process can have its id while signals go
            # to it.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        forwarding.join()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _spawn(spawn: Callable[[str, list[str]], int], command: Sequence[str]) -> int:
    """Start a program; a script without a line `#!` by `sh`, as shells do."""
    try:
        return spawn(command[0], [*command])
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            return spawn("/bin/sh", ["sh", *command])
        if error.errno == errno.ENOENT and os.path.exists(command[0]):
            raise FileNotFoundError(
                errno.ENOENT, "its first line names an interpreter that is not there", command[0]
            ) from None
        raise


def run_status_of(exit_status: int) -> str:
    """Return the status of the run of a program.

    Args:
        exit_status: that of the program, or a signal that ended it, negated. A shell says of a
            program that a signal ended it by 128 and the number of the signal.
    """
    if exit_status == 0:
        return "FINISHED"
    is_signal = exit_status < 0 or 128 < exit_status <= 128 + _MAX_SIGNAL
    return "KILLED" if is_signal else "FAILED"


def _is_in_foreground() -> bool:
    """Return whether this process is in the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # there is none
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _read_numbers(file: RawIOBase) -> Iterator[int]:
    while number := file.read(1):
        yield number[0]


@contextmanager
def _signals_written_to(writer: int) -> Iterator[None]:
    """Let Python write the number of each signal that comes to a pipe, and close it in the end.

    Python calls handlers between two bytecodes of the main thread: a signal that comes just before
    this thread waits for something would be handled when it has waited. A pipe is read at once.
    """
    os.set_blocking(writer, False)
    previous_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    previous = {}
    for name in _FORWARDED:
        number = getattr(signal, name)
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            previous[number] = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_writer)
        os.close(writer)
