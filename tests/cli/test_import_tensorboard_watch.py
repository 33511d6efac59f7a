"""`runstream import tensorboard --watch` of folders that grow."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runstream import TrackingClient
from support.event_files import NAME, EventFileWriter, find_runs, stored_scalars
from support.server_process import ENVIRONMENT, ServerProcess
from support.shell import COMMAND
from support.waiting import wait_until

SECONDS = 60


class Watching:
    """A command that follows a folder."""

    def __init__(self, uri: str, folder: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "import", "tensorboard", str(folder), "--watch", "--json", *options],
            env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": uri},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        assert "Ctrl-C" in self._process.stderr.readline()

    def end(self, by: int = signal.SIGINT) -> dict[str, Any]:
        """Interrupt it, and return its report."""
        self._process.send_signal(by)
        output, errors = self._process.communicate(timeout=SECONDS)
        assert "Traceback" not in errors, errors
        report: dict[str, Any] = json.loads(output)
        assert self._process.returncode == bool(report["problems"]), errors
        return report

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def watch(server: ServerProcess, folder: Path) -> Iterator[Callable[..., Watching]]:
    """Start a command that follows the folder, which is killed after the test."""
    started: list[Watching] = []
    folder.mkdir()

    def start(*options: str) -> Watching:
        started.append(Watching(server.uri, folder, *options))
        return started[-1]

    yield start
    for watching in started:
        watching.kill()


def wait_for(client: TrackingClient, folder: Path, name: str, steps: list[int], status: str) -> str:
    """Wait until a run has points of these steps and a status; return its id."""

    def is_there() -> bool:
        if client.get_experiment_by_name(folder.name) is None:
            return False
        run = find_runs(client, folder).get(name)
        if run is None or run.info.status != status:
            return False
        points = stored_scalars(client, run.info.run_id).get("loss", [])
        return [step for step, _, _ in points] == steps

    wait_until(is_there, SECONDS)
    return find_runs(client, folder)[name].info.run_id


def test_runs_are_live_while_they_grow_and_end_with_the_watch(
    watch: Callable[..., Watching], client: TrackingClient, folder: Path
) -> None:
    watching = watch()
    first = EventFileWriter(folder / "first" / NAME.format(1))
    first.scalar("loss", 1, 1)
    run_id = wait_for(client, folder, "first", [1], "RUNNING")
    # Of a record that is half written, the rest comes later.
    content = first.path.read_bytes()
    first.scalar("loss", 2, 2)
    added = first.path.read_bytes()[len(content) :]
    with first.path.open("r+b") as file:
        file.truncate(len(content) + 20)
    second = EventFileWriter(folder / "second" / NAME.format(1))
    second.scalar("loss", 1, 7)
    wait_for(client, folder, "second", [7], "RUNNING")
    with first.path.open("ab") as file:
        file.write(added[20:])
    more = EventFileWriter(folder / "first" / NAME.format(2))
    more.tensor("grid", [b"8", b"8", b"\x89PNG\r\n\x1a\n"], 1, "images")
    more.scalar("loss", 3, 3)
    wait_for(client, folder, "first", [1, 2, 3], "RUNNING")
    more.scalar("loss", 4, 4)
    report = watching.end()
    assert (report["runs"], report["points"], report["problems"]) == (2, 5, [])
    assert wait_for(client, folder, "first", [1, 2, 3, 4], "FINISHED") == run_id
    wait_for(client, folder, "second", [7], "FINISHED")
    assert len(client.list_series(run_id, "images")) == 1


def test_a_watch_that_is_started_again_goes_on_and_stores_nothing_twice(
    watch: Callable[..., Watching], client: TrackingClient, folder: Path
) -> None:
    file = EventFileWriter(folder / NAME.format(1))
    for step in range(50):
        file.scalar("loss", step, step)
    watching = watch()
    run_id = wait_for(client, folder, ".", list(range(50)), "RUNNING")
    watching.kill()
    file.scalar("loss", 50, 50)
    watching = watch()
    wait_for(client, folder, ".", list(range(51)), "RUNNING")
    assert watching.end(signal.SIGTERM)["problems"] == []
    wait_for(client, folder, ".", list(range(51)), "FINISHED")
    points = stored_scalars(client, run_id)["loss"]
    assert [value for _, _, value in points] == list(range(51))
    # What was followed to its end is not read again.
    watching = watch()
    other = EventFileWriter(folder / "other" / NAME.format(1))
    other.scalar("loss", 1, 1)
    wait_for(client, folder, "other", [1], "RUNNING")
    report = watching.end()
    assert (report["runs"], report["runs_already_there"], report["points"]) == (1, 1, 1)
    wait_for(client, folder, ".", list(range(51)), "FINISHED")


def test_a_silent_run_has_ended_and_one_that_grows_again_goes_on(
    watch: Callable[..., Watching], client: TrackingClient, folder: Path
) -> None:
    watching = watch("--silence", "3")
    file = EventFileWriter(folder / NAME.format(1))
    file.scalar("loss", 1, 1)
    wait_for(client, folder, ".", [1], "FINISHED")
    file.scalar("loss", 2, 2)
    wait_for(client, folder, ".", [1, 2], "RUNNING")
    # A file that is another one now is read from its start, also if it is as long as it was once.
    file.path.unlink()
    again = EventFileWriter(file.path)
    again.scalar("loss", 3, 3)
    wait_for(client, folder, ".", [1, 2, 3], "FINISHED")
    assert watching.end()["problems"] == []
