"""Forks in whose midst a signal comes whose handler raises, as that of Ctrl-C does."""

from __future__ import annotations

import subprocess
import sys

from support.server_process import ENVIRONMENT

# The alarm comes later and later after the call of `fork`, so that it comes in each of its hooks.
INTERRUPTED_FORKS = """
import os, signal, sys
from runstream.process import exit_status

class Interrupted(Exception): pass

def interrupt(*_):
    raise Interrupted

dropped = []
sys.unraisablehook = lambda raised: dropped.append(raised.exc_type)
exit_status.catch_signals(lambda status: None)
signal.signal(signal.SIGALRM, interrupt)
for number in range(600):
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-6 + number % 300 * 3e-6)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except (Interrupted, ChildProcessError):
        pass
print(Interrupted in dropped, sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signals_end_a_program_after_forks_that_were_interrupted() -> None:
    """Python drops what a signal handler raises within the hooks of a fork."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_FORKS],
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.stdout == "True []\n", done.stderr
    assert done.returncode == -15
