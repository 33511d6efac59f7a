"""Programs as a whole: what they import, and what they still do when they end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import runstream
from runstream import NotFound, TrackingClient
from runstream.spool.folder import list_folders
from runstream.syncing.inspection import inspect_folder
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess


def program(
    code: str, *arguments: str, status: int = 0, environment: dict[str, str] | None = None
) -> tuple[str, str]:
    """Run a program; return what it wrote to stdout and stderr."""
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT | (environment or {}),
        check=False,
    )
    assert result.returncode == status, result.stderr
    return result.stdout.strip(), result.stderr.strip()


def test_the_end_of_the_program_waits_for_what_was_logged(
    client: TrackingClient, run_id: str, server: ServerProcess
) -> None:
    code = (
        "import sys, runstream\n"
        "client = runstream.TrackingClient(sys.argv[1])\n"
        "for step in range(100_000): client.log_metric(sys.argv[2], 'loss', 1.0, step=step)\n"
    )
    assert program(code, server.uri, run_id) == ("", "")
    assert len(client.get_metric_history(run_id, "loss")) == 100_000


def test_what_was_logged_is_sent_even_if_no_thread_can_be_started_any_more(
    client: TrackingClient, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.12 starts no thread once the program has ended; this is how it would be there."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    client.log_metric(run_id, "loss", 1.0)
    client.log_param(run_id, "lr", 1)
    client.log_metric("f" * 32, "loss", 1.0)
    assert client._session.drain(5, 5) is None
    monkeypatch.undo()
    with pytest.raises(NotFound, match="f" * 32):
        client.flush()
    run = client.get_run(run_id)
    assert (run.data.metrics, run.data.params) == ({"loss": 1.0}, {"lr": "1"})


def test_the_end_of_the_program_says_what_is_lost() -> None:
    code = (
        "import sys, runstream, runstream.process.shutdown\n"
        "runstream.process.shutdown.ANSWER_SECONDS = 0.5\n"
        "client = runstream.TrackingClient(sys.argv[1])\n"
        "for step in range(1234): client.log_metric('a' * 32, 'loss', 1.0, step=step)\n"
        "client.log_params('b' * 32, {'lr': 1, 'depth': 2})\n"
    )
    away, in_memory = f"grpc://127.0.0.1:{reserve_port()}", {"RUNSTREAM_SPOOL_LIMIT": "0"}
    _, errors = program(code, away, status=120, environment=in_memory)
    assert f"lost, not delivered to {away}: " in errors
    assert f": 1234 points of run {'a' * 32}\n" in errors
    assert f": 2 params and tags of run {'b' * 32}" in errors


def test_the_end_of_the_program_counts_as_kept_only_what_is_on_disk(tmp_path: Path) -> None:
    code = (
        "import sys, time, runstream, runstream.process.shutdown\n"
        "runstream.process.shutdown.ANSWER_SECONDS = 0.5\n"
        "client = runstream.TrackingClient(sys.argv[1])\n"
        "for step in range(1000): client.log_metric('a' * 32, 'loss', 1.0, step=step)\n"
        "while not client._session.saved(): time.sleep(0.1)\n"
        "for step in range(20_000): client.log_metric('a' * 32, 'loss', 1.0, step=step)\n"
    )
    environment = {"RUNSTREAM_SPOOL": str(tmp_path), "RUNSTREAM_SPOOL_LIMIT": "80kB"}
    away = f"grpc://127.0.0.1:{reserve_port()}"
    _, errors = program(code, away, status=120, environment=environment)
    lost = re.search(rf"lost, not delivered to .*: (\d+) points of run {'a' * 32}\n", errors)
    kept = re.search(rf"it is kept in /.*: (\d+) points of run {'a' * 32}\.", errors)
    assert lost is not None, errors
    assert kept is not None, errors
    assert int(lost[1]) + int(kept[1]) == 21_000
    (folder,) = list_folders(tmp_path)
    assert int(kept[1]) == inspect_folder(folder).points < 21_000


def test_the_end_of_the_program_says_what_was_refused(server: ServerProcess) -> None:
    code = (
        "import sys, runstream\n"
        "runstream.TrackingClient(sys.argv[1]).log_metric('a' * 32, 'loss', 1.0)\n"
    )
    _, errors = program(code, server.uri)
    assert f"run {'a' * 32}: 1 point was refused" in errors


def test_a_file_is_served_by_a_server_that_the_client_starts(tmp_path: Path) -> None:
    code = (
        "import runstream\n"
        "client = runstream.TrackingClient('runs.db')\n"
        "run_id = client.create_run().info.run_id\n"
        "client.log_metric(run_id, 'loss', 0.5)\n"
        "print(client.get_run(run_id).data.metrics)\n"
    )
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        assert program(code)[0] == "{'loss': 0.5}"
        assert program(code)[0] == "{'loss': 0.5}"
    finally:
        os.chdir(here)
    assert (tmp_path / "runs.db").exists()


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(runstream.__all__) == runstream.__all__
    for name in runstream.__all__:
        assert getattr(runstream, name).__doc__


def test_import_needs_grpcio_and_protobuf_only() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import runstream\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*(new - set(sys.stdlib_module_names)))"
    )
    # grpc also imports its add-ons if they are there; cython's modules are part of it.
    needed = ("runstream", "grpc", "google", "typing_extensions", "cython", "_cython")
    packages = program(code)[0].split()
    assert "grpc" in packages
    assert [name for name in packages if not name.startswith(needed)] == []
