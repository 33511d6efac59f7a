"""A `runstream run` that goes on, what it launches, its processes, and the run that it made."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runstream import Run, TrackingClient
from support.server_process import ENVIRONMENT
from support.shell import COMMAND


class Launched:
    """A `runstream run` that goes on."""

    def __init__(self, uri: str, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "run", "--tracking-uri", uri, *arguments],
            env=ENVIRONMENT | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit status and the rest of what it printed."""
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output + errors


def write_file(folder: Path, name: str, text: str) -> str:
    """Write what is to be launched; return its path as an argument."""
    (folder / name).write_text(text)
    return str(folder / name)


def only_run(client: TrackingClient, experiment: str) -> Run:
    """Return the one run of an experiment, which each test has of its own."""
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    return run


def children_of(process: int) -> list[str]:
    """Return the ids of the processes that a process has started."""
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def is_alive(process: int) -> bool:
    """Return whether a process is there and has not ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
