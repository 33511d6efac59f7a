"""Measures how long others wait for a server, and its memory, while one caller misuses it.

    with probe(server) as seen:
        ...  # the attack
    seen.assert_others_were_served()

A process of its own calls GetRun and `/health` meanwhile, and another does the same with an idle
server: the waits there are caused by the machine. Both also compute something for some milliseconds
again and again, which says how fast the processor is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from threading import Event, Thread
from types import TracebackType

import grpc
import requests

from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub
from support.server_process import ENVIRONMENT, ServerProcess

#: Seconds that 99 of 100 callers may wait, beside what the machine makes them wait; on a processor
#: that takes `_UNIT` for the computation, and on others so many times more or less.
WAIT = 0.1
_UNIT = 0.0012

# What the processor is measured by, among what is called.
_COMPUTING = "computing"

# Seconds between two calls, and after which one is given up.
_PAUSE, _TIMEOUT = 0.02, 120.0


class Probe:
    """Calls a server, and an idle one, between `__enter__` and `__exit__`.

    Attributes:
        waits: seconds of each call, by what was called.
        control: the same of the idle server.
        slowness: how many times as long as usual the machine took to compute something.
    """

    def __init__(self, server: ServerProcess, idle: ServerProcess) -> None:
        self._server, self._idle = server, idle

    def __enter__(self) -> Probe:
        self._processes = [_launch(server) for server in (self._server, self._idle)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        found = [process.communicate("\n") for process in self._processes]
        if kind is None:
            (waits, errors), (control, more) = found
            assert not errors + more, errors + more
            self.waits: dict[str, list[float]] = json.loads(waits)
            self.control: dict[str, list[float]] = json.loads(control)
            del self.waits[_COMPUTING]
            self.slowness = max(1.0, median(self.control.pop(_COMPUTING)) / _UNIT)

    def assert_others_were_served(self, wait: float = WAIT) -> None:
        """Check that 99 of 100 calls were answered in time, in seconds of a usual machine."""
        wait *= self.slowness
        for what, waits in self.waits.items():
            assert len(waits) > 1, f"{what} was called once, which took {waits[0]:.1f} s"
            most, idle = _percentile_99(waits), _percentile_99(self.control[what])
            assert most < wait + 3 * idle, (
                f"{what} took {most:.3f} s, {idle:.3f} s when idle, "
                f"on a machine that takes {self.slowness:.1f} times as long as usual"
            )


def resident_memory(server: ServerProcess) -> int:
    """Return how much memory a server takes: its resident set, in MiB."""
    return _status(server, "VmRSS")


def reset_peak(server: ServerProcess) -> None:
    """Let `peak_memory` count from now on."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


def peak_memory(server: ServerProcess) -> int:
    """Return the most memory that a server took, in MiB."""
    return _status(server, "VmHWM")


def _status(server: ServerProcess, field: str) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) // 1024


def _percentile_99(waits: Sequence[float]) -> float:
    return sorted(waits)[-1 - len(waits) // 100]


def _launch(server: ServerProcess) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "support.probe", server.address, server.http],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "calling\n", process.communicate()[1]
    return process


def _call(address: str, http: str) -> None:
    """Call until there is a line on stdin; print how long each call took."""
    over = Event()

    def wait() -> None:
        sys.stdin.readline()
        over.set()

    Thread(target=wait, daemon=True).start()
    session = requests.Session()
    with grpc.insecure_channel(address) as channel:
        runs = RunServiceStub(channel)
        asked = GetRunRequest(run_id=runs.CreateRun(CreateRunRequest()).run.info.run_id)
        calls: dict[str, Callable[[], object]] = {
            "GetRun": lambda: runs.GetRun(asked, timeout=_TIMEOUT)
        }
        if http:
            calls["/health"] = lambda: session.get(f"{http}/health", timeout=_TIMEOUT)
        for call in calls.values():
            call()  # connects
        calls[_COMPUTING] = lambda: sum(range(100_000))
        print("calling", flush=True)  # noqa: T201 # what `_launch` waits for
        waits: dict[str, list[float]] = {what: [] for what in calls}
        while not over.wait(_PAUSE):
            for what, call in calls.items():
                start = time.monotonic()
                call()
                waits[what].append(time.monotonic() - start)
    print(json.dumps(waits))  # noqa: T201 # what `Probe` reads


if __name__ == "__main__":
    _call(*sys.argv[1:])
