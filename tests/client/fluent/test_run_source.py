"""Runs keep where they come from: program, packages, and changes of code (K5 to K7)."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from runstream import InvalidArgument, NotFound, TrackingClient
from runstream.process import source_report
from runstream.process.git_files import find_repository
from runstream.process.source_parts import PARTS, wanted_parts
from support.git import git
from support.server_process import ServerProcess

PROGRAM = """
import runstream
with runstream.start_run() as run:
    print(run.run_id)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "model.py").write_text("layers = 2\n")
    (folder / "train.py").write_text(PROGRAM)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    with TrackingClient(server.uri) as client:
        yield client


def run(client: TrackingClient, script: Path, *arguments: str, **environment: str) -> list[str]:
    """Run a program in its folder, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=script.parent,
        env=os.environ
        | {"RUNSTREAM_TRACKING_URI": client.tracking_uri, "RUNSTREAM_SOURCE": "all"}
        | environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split()


def files(client: TrackingClient, run_id: str) -> list[str]:
    return [file.path for file in client.list_artifacts(run_id, recursive=True)]


def program_of(client: TrackingClient, run_id: str) -> dict[str, Any]:
    found = json.loads(client.load_text(run_id, "source/program.json"))
    assert isinstance(found, dict)
    return found


def test_a_run_keeps_its_program_with_masked_arguments_and_the_versions_of_its_packages(
    client: TrackingClient, repository: Path
) -> None:
    """K5."""
    script = repository / "train.py"
    (run_id,) = run(client, script, "--lr", "0.1", "--api-key", "hunter2")
    assert files(client, run_id) == ["source/program.json"]
    found = program_of(client, run_id)
    assert found["script"] == str(script)
    assert found["arguments"] == ["--lr", "0.1", "--api-key", "***"]
    assert found["working_folder"] == str(repository)
    assert found["host"] == platform.node()
    assert found["python"] == platform.python_version()
    for package in ("grpcio", "numpy", "pytest-timeout"):
        assert found["packages"][package] == version(package)
    assert found["git"] == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "remote": "",
        "changed": [],
        "untracked": [],
    }


def test_a_run_keeps_the_changes_since_the_commit_and_the_names_of_new_files(
    client: TrackingClient, repository: Path
) -> None:
    """K6."""
    (repository / "model.py").write_text('layers = 3\nAPI_KEY = "abc"\n')
    (repository / "new.py").write_text("")
    (repository / ".env").write_text("PASSWORD=1")
    git(repository, "add", ".env")
    (run_id,) = run(client, repository / "train.py")
    found = program_of(client, run_id)["git"]
    assert found["changed"] == [".env", "model.py"]
    assert found["untracked"] == ["new.py"]
    diff = client.load_text(run_id, "source/changes.diff")
    assert "-layers = 2\n+layers = 3\n" in diff
    assert '+API_KEY = "***"\n' in diff
    assert "PASSWORD" not in diff


def test_changes_that_are_too_long_are_left_out_and_that_is_said(
    client: TrackingClient, repository: Path
) -> None:
    """K6."""
    (repository / "model.py").write_text("x = 1\n" * 200_000)
    (run_id,) = run(client, repository / "train.py")
    assert files(client, run_id) == ["source/program.json"]
    found = program_of(client, run_id)["git"]
    assert found["diff"] == "left out: it is longer than 1048576 bytes"
    assert found["changed"] == ["model.py"]


def test_each_part_can_be_left_out(client: TrackingClient, repository: Path) -> None:
    """K5."""
    (repository / "model.py").write_text("layers = 3\n")
    script = repository / "train.py"
    keys = {
        "program": {"script", "arguments", "working_folder"},
        "host": {"host", "platform", "processors"},
        "packages": {"python", "executable", "packages"},
        "git": {"git"},
    }
    for part, found in keys.items():
        (run_id,) = run(client, script, RUNSTREAM_SOURCE=part)
        assert set(program_of(client, run_id)) == found
        assert files(client, run_id) == ["source/program.json"]
    (run_id,) = run(client, script, RUNSTREAM_SOURCE="diff")
    assert files(client, run_id) == ["source/changes.diff", "source/program.json"]
    assert program_of(client, run_id) == {"git": {"changed": ["model.py"], "untracked": []}}
    (run_id,) = run(client, script, RUNSTREAM_SOURCE="none")
    assert files(client, run_id) == []


def test_an_unknown_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """K5."""
    monkeypatch.setenv("RUNSTREAM_SOURCE", "git,secrets")
    with pytest.raises(InvalidArgument, match="RUNSTREAM_SOURCE"):
        wanted_parts()
    monkeypatch.delenv("RUNSTREAM_SOURCE")
    assert wanted_parts() == set(PARTS)


def test_child_runs_have_the_source_of_their_parent_and_a_resumed_run_keeps_its_own(
    client: TrackingClient, repository: Path
) -> None:
    """K5."""
    script = repository / "nested.py"
    script.write_text(
        "import runstream\n"
        "with runstream.start_run() as parent, runstream.start_run(nested=True) as child:\n"
        "    print(parent.run_id, child.run_id)\n"
    )
    parent, child = run(client, script, "first")
    assert files(client, parent) == ["source/program.json"]
    assert files(client, child) == []
    (again,) = run(client, repository / "train.py", "second", RUNSTREAM_RUN_ID=parent)
    assert again == parent
    assert program_of(client, parent)["arguments"] == ["first"]
    created = client.create_run().info.run_id  # by a launcher, which knows nothing of the program
    run(client, repository / "train.py", "third", RUNSTREAM_RUN_ID=created)
    assert program_of(client, created)["arguments"] == ["third"]


def test_a_run_does_not_wait_for_its_source(
    client: TrackingClient, repository: Path, tmp_path: Path
) -> None:
    """K6."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    script = repository / "slow.py"
    script.write_text(
        "import time, runstream\n"
        "from runstream.process import source_report\n"
        "source_report.GIT_SECONDS = 0.5\n"
        "begin = time.monotonic()\n"
        "with runstream.start_run() as run:\n"
        "    pass\n"
        "print(run.run_id, time.monotonic() - begin)\n"
    )
    begin = time.monotonic()
    run_id, taken = run(client, script, PATH=f"{slow.parent}:{os.environ['PATH']}")
    assert time.monotonic() - begin < 50
    assert client.get_run(run_id).info.status == "FINISHED"
    assert float(taken) < 40
    assert set(program_of(client, run_id)["git"]) == {"commit", "branch", "remote"}


def test_flush_returns_when_the_source_of_the_run_is_stored(
    client: TrackingClient, repository: Path
) -> None:
    """K6."""
    script = repository / "flush.py"
    script.write_text(
        "import runstream\n"
        "from runstream.fluent import run_source\n"
        "run_source.DELAY_SECONDS = 600\n"
        "for _ in range(2):\n"
        "    with runstream.start_run() as run:\n"
        "        runstream.flush()\n"
        "        print(*[file.path for file in run.client.list_artifacts(run.run_id)])\n"
    )
    assert run(client, script) == ["source", "source"]


def test_without_git_the_rest_is_kept(client: TrackingClient, repository: Path) -> None:
    """K6."""
    (run_id,) = run(client, repository / "train.py", PATH="")
    found = program_of(client, run_id)
    assert found["git"]["commit"] == git(repository, "rev-parse", "HEAD")
    assert "changed" not in found["git"]


def test_git_runs_no_program_of_the_repository(repository: Path, tmp_path: Path) -> None:
    """K6."""
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-here\n")
    evil.chmod(0o755)
    for setting in ("core.fsmonitor", "diff.external", "core.pager", "diff.x.textconv"):
        git(repository, "config", setting, str(evil))
    (repository / ".gitattributes").write_text("*.py diff=x\n")
    (repository / "model.py").write_text("layers = 3\n")
    found = find_repository(str(repository))
    assert found is not None
    git_report, diff = source_report._describe_repository(found, frozenset(PARTS))
    assert git_report["changed"] == ["model.py"]
    assert "+layers = 3" in diff
    assert not (tmp_path / "was-here").exists()


def test_thousands_of_files_are_counted_and_the_first_are_named(repository: Path) -> None:
    """K6."""
    for number in range(1200):
        (repository / f"new{number:04}.txt").touch()
    found = source_report._changed_files(str(repository))
    assert len(found["untracked"]) == 1000
    assert found["untracked_count"] == 1200


def test_a_server_that_refuses_files_harms_no_run(server: ServerProcess, tmp_path: Path) -> None:
    """K6."""
    script = tmp_path / "train.py"
    script.write_text(
        "import logging, sys, runstream\n"
        "from runstream.fluent import run_source\n"
        "logging.basicConfig(stream=sys.stdout, format='%(levelname)s %(message)s')\n"
        "run_source.PROGRAM_PATH = '../program.json'\n"
        "for _ in range(3):\n"
        "    with runstream.start_run():\n"
        "        pass\n"
    )
    with TrackingClient(server.uri) as client:
        words = run(client, script)
        assert " ".join(words).count("WARNING the source of run") == 1
        found = list(client.search_runs(["0"]))
        assert [one.info.status for one in found] == ["FINISHED"] * 3
        with pytest.raises(NotFound):
            client.load_text(found[0].info.run_id, "source/program.json")


def test_more_runs_than_may_wait_for_their_source_have_it(
    client: TrackingClient, repository: Path
) -> None:
    """K6."""
    script = repository / "many.py"
    script.write_text(
        "import runstream\n"
        "from runstream.fluent import run_source\n"
        "run_source.WAITING_RUNS, run_source.DELAY_SECONDS = 2, 600\n"
        "for _ in range(20):\n"
        "    with runstream.start_run() as run:\n"
        "        print(run.run_id)\n"
        "runstream.flush()\n"
    )
    run_ids = run(client, script)
    assert all("source/program.json" in files(client, run_id) for run_id in run_ids)
    assert len(run_ids) == 20


def test_the_end_of_a_program_says_how_many_runs_are_without_their_source(
    client: TrackingClient, tmp_path: Path
) -> None:
    """K6."""
    script = tmp_path / "train.py"
    script.write_text(
        "import logging, sys, runstream\n"
        "from runstream.fluent import run_source\n"
        "logging.basicConfig(stream=sys.stdout, format='%(levelname)s %(message)s')\n"
        "run_source.WAITING_RUNS, run_source.ROOM_SECONDS = 0, 0\n"
        "for _ in range(3):\n"
        "    with runstream.start_run():\n"
        "        pass\n"
    )
    words = " ".join(run(client, script))
    assert words.count("WARNING the source of run") == 1
    assert words.endswith("WARNING the source of 3 runs is not stored")
