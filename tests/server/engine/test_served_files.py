"""A database that is deleted or replaced under its server, or cannot be written."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from runstream.v1.logging_service_pb2 import LogMetricRequest
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream_service.engine.served_files import FILES_GONE, ServedFiles
from support.api import Api, make_batch
from support.server_process import ENVIRONMENT, ServerProcess

pytestmark = pytest.mark.sqlite


def delete(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    copy.replace(file)


def read(api: Api, run_id: str) -> None:
    api.runs.GetRun(GetRunRequest(run_id=run_id), timeout=20)


def write(api: Api, run_id: str) -> None:
    api.logging.LogMetric(LogMetricRequest(run_id=run_id, key="m", timestamp=1), timeout=20)


def stream(api: Api, run_id: str) -> None:
    api.log_batches([make_batch(run_id, [("m", 1, 1, 1.0)])])


@pytest.mark.parametrize("ask", [read, write, stream])
@pytest.mark.parametrize("change", [delete, replace])
def test_a_server_whose_database_is_gone_gives_no_answer_and_ends_loudly(
    server: ServerProcess,
    api: Api,
    change: Callable[[Path], None],
    ask: Callable[[Api, str], None],
) -> None:
    run_id = api.create_run()
    change(server.database)
    with pytest.raises(grpc.RpcError) as raised:
        ask(api, run_id)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    _, errors = server.process.communicate(timeout=30)
    assert server.process.returncode == FILES_GONE
    assert f"{server.database} was {change.__name__}d while it was served" in errors
    assert (change is replace) == server.database.exists()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
def test_a_server_that_nobody_asks_ends_with_each_of_its_files(
    server: ServerProcess, api: Api, suffix: str
) -> None:
    api.create_run()
    file = Path(f"{server.database}{suffix}")
    file.unlink()
    _, errors = server.process.communicate(timeout=30)
    assert server.process.returncode == FILES_GONE
    assert f"{file} was deleted while it was served" in errors


def test_a_check_that_is_slower_than_the_stop_of_its_server_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last connection deletes the write-ahead log while a thread may still look at it."""
    statuses: list[int] = []
    monkeypatch.setattr(os, "_exit", statuses.append)
    log = tmp_path / "runs.db-wal"
    log.touch()
    files = ServedFiles([log])
    log.unlink()
    files.check()
    assert statuses == [FILES_GONE]
    files.release()
    files.check()
    assert statuses == [FILES_GONE]


def without_the_rights_of_root() -> None:
    """Let permissions hold for root, too: drop CAP_DAC_OVERRIDE, and what reads everything."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) != 0:
                os._exit(99)


def test_a_database_that_cannot_be_written_is_refused_at_start(server: ServerProcess) -> None:
    server.stop()
    server.database.chmod(0o444)
    content = server.database.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "server", "--port", "0"],
        env=ENVIRONMENT | {"RUNSTREAM_DATABASE": f"sqlite:///{server.database}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=without_the_rights_of_root,
    )
    if done.returncode == 99:
        pytest.skip("this root cannot give rights up")
    assert done.returncode == 2
    assert done.stderr == (
        f"runstream server: database {server.database} cannot be opened: "
        "attempt to write a readonly database\n"
    )
    assert server.database.read_bytes() == content
