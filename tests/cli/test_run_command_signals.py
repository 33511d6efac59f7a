"""`runstream run`: signals and keys of the terminal, which the launched program gets."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from runstream import TrackingClient
from support.launched import Launched, children_of, only_run
from support.shell import COMMAND, Shell
from support.terminal import Terminal

# Prints which signals come, until it is ended by SIGKILL.
SIGNALS = """
import signal
numbers = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM")]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
print("ready", flush=True)
while True:
    print(signal.Signals(signal.sigwait(numbers)).name, flush=True)
"""

# Sends the launcher a signal as soon as the one before has come back, so that many come while the
# launcher is busy with the last.
PING_PONG = """
import os, signal
numbers = [signal.SIGUSR2, signal.SIGHUP]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
for number in 2000 * numbers:
    os.kill(os.getppid(), number)
    came = signal.sigtimedwait(numbers, 10)
    assert came and came.si_signo == number, number
"""


def test_signals_of_the_launcher_reach_the_program_once(
    launch: Callable[..., Launched], client: TrackingClient
) -> None:
    launched = launch("-n", "signals", sys.executable, "-c", SIGNALS)
    assert launched.line() == "ready"
    for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM", "SIGINT"):
        launched.process.send_signal(getattr(signal, name))
        assert launched.line() == name
    os.kill(int(children_of(launched.process.pid)[0]), signal.SIGKILL)
    assert launched.end() == (137, "")
    assert only_run(client, "signals").info.status == "KILLED"


def test_no_signal_of_many_is_forwarded_late(launch: Callable[..., Launched]) -> None:
    assert launch(sys.executable, "-c", PING_PONG).end() == (0, "")


def test_signals_reach_all_that_a_shell_has_started(launch: Callable[..., Launched]) -> None:
    program = f"trap : TERM; {sys.executable} -c '{SIGNALS}'; wait"
    launched = launch("sh", "-c", program)
    assert launched.line() == "ready"
    os.killpg(launched.process.pid, signal.SIGTERM)  # as `timeout` and schedulers do
    assert launched.line() == "SIGTERM"


def test_ctrl_c_reaches_the_program_once_and_it_reads_from_the_terminal(
    shell: Shell, client: TrackingClient
) -> None:
    program = (
        "import time\ntry:\n    print(input('name? '), flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5)\n    print('tidied up')\n    raise\n"
    )
    terminal = Terminal(
        [*COMMAND, "run", "-n", "on a terminal", sys.executable, "-c", program], shell.environment
    )
    try:
        terminal.wait_for("name? ")
        terminal.type("ada\n")
        terminal.wait_for("ada\r\nada\r\n")  # or else ^C may come before the end of the line
        terminal.type("\x03")
        status, lines = terminal.end()
    finally:
        terminal.close()
    assert status == 130
    assert "^Ctidied up" in lines
    assert lines[-1] == "KeyboardInterrupt"
    assert only_run(client, "on a terminal").info.status == "KILLED"
