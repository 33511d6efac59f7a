"""A server under test, and the processes that drive it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

# Seconds; the longest job, which logs 50 million points, takes two minutes.
JOB_TIMEOUT = 600


@dataclass(frozen=True)
class Server:
    """A running server of one of the compared systems.

    Attributes:
        process: the server, leader of a process group of its own.
        uri: where its clients connect.
        http: where its REST API is.
        directory: where its data is, and nothing else but its log.
        worker: command that drives it: `benchmarks.workers.*` in an interpreter of its client.
        environment: additions to the environment of server and workers.
    """

    process: subprocess.Popen[str]
    uri: str
    directory: Path
    worker: tuple[str, ...]
    environment: Mapping[str, str]
    http: str

    def job(self, name: str, **arguments: Any) -> Any:
        """Run a job of the worker in a new process, and return its result."""
        return self.begin(name, **arguments).result()

    def begin(self, name: str, **arguments: Any) -> Job:
        """Start a job of the worker in a new process."""
        command = [*self.worker, self.uri, name, json.dumps(arguments)]
        return Job(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )

    def memory(self) -> float:
        """Return the largest resident set that the server had so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if "VmHWM" in line)
        return float(kilobytes) * 1024

    def processor_seconds(self) -> float:
        """Return the processor time that the server has taken so far, of all its threads."""
        return processor_seconds(self.process.pid)

    def seconds_of_workers(self) -> list[float]:
        """Return the processor time of each of its worker processes so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [processor_seconds(int(pid)) for task in tasks for pid in task.read_text().split()]

    def bytes_on_disk(self) -> int:
        """Return the size of its database, journals included."""
        return sum(file.stat().st_size for file in self.directory.glob("runs.db*"))

    def stop(self) -> None:
        """End it in order; harmless if it has ended already."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@dataclass(frozen=True)
class Job:
    """A job that runs in a process of its own."""

    process: subprocess.Popen[str]

    def result(self) -> Any:
        """Wait for the end of the job and return what it printed last.

        Raises:
            RuntimeError: it failed; its words are on stderr.
            TimeoutExpired: it took longer than any job should, and was ended.
        """
        try:
            output, _ = self.process.communicate(timeout=JOB_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        if self.process.returncode != 0:
            raise RuntimeError(f"{self.process.args!r} failed")
        return json.loads(output.splitlines()[-1])


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of its children, with those that have ended."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            stat = file.read_text().rpartition(")")[2].split()
            if str(pid) in (file.parent.name, stat[1]):
                ticks += sum(map(int, stat[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def start(
    command: list[str], directory: Path, environment: Mapping[str, str], stdout: int | None = None
) -> subprocess.Popen[str]:
    """Start a server in a process group of its own; its words go to `log` in the directory."""
    with (directory / "log").open("w") as log:
        return subprocess.Popen(
            command,
            cwd=directory,
            env=os.environ | environment,
            stdout=log if stdout is None else stdout,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def runstream(
    directory: Path,
    database: str | None = None,
    workers: int = 1,
    options: Sequence[str] = (),
) -> Server:
    """Start our server on a database, or on the file `runs.db` of a directory, maybe a full one."""
    command = [sys.executable, "-m", "runstream", "server", "--port", "0", "--http-port", "0"]
    command += ["--workers", str(workers), *options]
    database = database or f"sqlite:///{directory / 'runs.db'}"
    process = start([*command, "--database", database], directory, {}, subprocess.PIPE)
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the server did not start: {(directory / 'log').read_text()}")
    uri, http = line.split(" listening on ")[1].split(", ")[:2]
    worker = (sys.executable, "-m", "benchmarks.workers.ours")
    return Server(process, uri, directory, worker, {}, http)
