"""A fork while a thread of the client imports what it needs."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

from support.server_process import ENVIRONMENT

FORKS_IN_AN_IMPORT = """
    import importlib.abc, os, signal, sys, threading, time
    import runstream
    from runstream.syncing import adoption

    class Slow(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name == "runstream.syncing.folder_delivery":
                importing.set()
                time.sleep(1)

    importing = threading.Event()
    sys.meta_path.insert(0, Slow())
    threading.Thread(target=adoption._import_delivery, daemon=True).start()
    importing.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        import runstream.syncing.folder_delivery
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""


def test_a_child_may_import_what_a_thread_was_importing_at_the_fork() -> None:
    """The lock of a module that is being imported stays held in a child, whose thread is gone."""
    program = [sys.executable, "-c", dedent(FORKS_IN_AN_IMPORT)]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)
