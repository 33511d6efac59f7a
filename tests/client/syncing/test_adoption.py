"""What other processes left is delivered by the next one, in the background."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.spool.folder import list_folders
from runstream.spool.log_files import count_bytes
from runstream.syncing import adoption
from runstream.syncing.inspection import inspect_folder
from support.server_process import ServerProcess
from support.spools import append_upload, left_folder, new_folder, points_batch


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spool of this process, where folders are looked for at once."""
    monkeypatch.setattr(adoption, "DELAY_SECONDS", 0.05)
    monkeypatch.setattr(adoption, "_adopting", {})
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(tmp_path / "spool"))
    return tmp_path / "spool"


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something has happened in the background."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for_adoption() -> None:
    """Wait until what was to be delivered is."""
    wait_until(lambda: any(adopter.passes for adopter in adoption._adopting.values()), 60)


def test_the_next_process_that_logs_delivers_what_another_left(
    server: ServerProcess, spool: Path
) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        left = left_folder(spool, server.uri, [points_batch(run_id, range(100))])
        append_upload(left, run_id, "a.txt", b"hello")
        elsewhere = left_folder(spool, "grpc://elsewhere:1", [points_batch(run_id, range(200))])
        foreign = left_folder(spool, server.uri, [points_batch(run_id, range(300))])
        info = foreign.path / "spool.json"
        info.write_text(info.read_text().replace('"host": "', '"host": "node17-'))
        alive = new_folder(spool, server.uri, [points_batch(run_id, range(400))])
        client.log_metric(run_id, "own", 1.0)
        wait_for_adoption()
        assert len(client.get_metric_history(run_id, "loss")) == 100
        assert [file.path for file in client.list_artifacts(run_id)] == ["a.txt"]
        assert not left.path.exists()
        for other in (elsewhere, foreign, alive):
            assert count_bytes(other.batches)
        alive.close()


def test_it_begins_again_when_the_server_is_back(
    start_server: Callable[..., ServerProcess], spool: Path
) -> None:
    server = start_server("back")
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "own", 1.0)
        client.flush()
        wait_for_adoption()
        left = left_folder(spool, server.uri, [points_batch(run_id, range(100))])
        server.kill()
        client.log_metric(run_id, "own", 2.0, step=1)
        wait_until(lambda: client._session.stream_error() is not None)
        server.restart()
        wait_until(lambda: not left.path.exists(), 60)
        assert len(client.get_metric_history(run_id, "loss")) == 100


def test_what_is_left_meanwhile_is_delivered_too(
    server: ServerProcess, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "AGAIN_SECONDS", 0.2)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "own", 1.0)
        wait_for_adoption()
        left = left_folder(spool, server.uri, [points_batch(run_id, range(100))])
        wait_until(lambda: not left.path.exists())
        assert len(client.get_metric_history(run_id, "loss")) == 100


def test_a_program_that_was_killed_during_an_outage_loses_nothing(
    start_server: Callable[..., ServerProcess], spool: Path
) -> None:
    server = start_server("outage")
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
    server.kill()
    program = f"""
import time
from runstream import TrackingClient
client = TrackingClient({server.uri!r})
for step in range(1_000):
    client.log_metric({run_id!r}, "loss", float(step), step=step)
print(flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    wait_until(lambda: [inspect_folder(one).points for one in list_folders(spool)] == [1_000])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (left,) = list_folders(spool)
    server.restart()
    with TrackingClient(server.uri) as client:
        client.log_metric(run_id, "own", 1.0)
        wait_until(lambda: not left.path.exists(), 60)
        assert [p.step for p in client.get_metric_history(run_id, "loss")] == list(range(1_000))


def test_it_is_slow_and_gives_way_to_what_this_process_logs(
    server: ServerProcess, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "BYTES_PER_SECOND", 100_000)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        batches = [points_batch(run_id, range(i * 1_000, i * 1_000 + 1_000)) for i in range(10)]
        left_folder(spool, server.uri, batches)  # 240 kB
        client.log_metric(run_id, "own", 1.0)
        wait_until(lambda: bool(adoption._adopting))
        began = time.monotonic()
        wait_for_adoption()
        assert time.monotonic() - began > 1.5
        assert len(client.get_metric_history(run_id, "loss")) == 10_000


def test_it_survives_forks(server: ServerProcess, spool: Path) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        batches = [points_batch(run_id, range(i * 1_000, i * 1_000 + 1_000)) for i in range(300)]
        left_folder(spool, server.uri, batches)
        client.log_metric(run_id, "own", 1.0)
        wait_until(lambda: bool(adoption._adopting))
        for _ in range(3):
            time.sleep(0.15)
            child = os.fork()
            if child == 0:
                is_clean = not adoption._adopting and threading.active_count() == 1
                os._exit(0 if is_clean else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        wait_for_adoption()
        assert len(client.get_metric_history(run_id, "loss")) == 300_000
        assert multiprocessing.parent_process() is None


def test_it_does_not_hold_up_the_end_of_a_program(server: ServerProcess, spool: Path) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
    batches = [points_batch(run_id, range(i * 10_000, i * 10_000 + 10_000)) for i in range(100)]
    left = left_folder(spool, server.uri, batches)  # 24 MB, which take 6 seconds
    program = f"""
import time
from runstream import TrackingClient
from runstream.syncing import adoption
adoption.DELAY_SECONDS = 0
client = TrackingClient({server.uri!r})
client.log_metric({run_id!r}, "own", 1.0)
client.flush()
time.sleep(1)
print(time.time(), flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert time.time() - float(done.stdout) < 30
    assert left.path.exists()


def test_there_is_nothing_to_look_for_without_a_spool(
    server: ServerProcess, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "0")
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        left = left_folder(spool, server.uri, [points_batch(run_id, [1])])
        client.log_metric(run_id, "own", 1.0)
        wait_for_adoption()
        assert left.path.exists()


def test_a_bad_folder_keeps_none_behind_it_and_is_warned_of_once(
    server: ServerProcess,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(adoption, "AGAIN_SECONDS", 0.1)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        bad = left_folder(spool, server.uri, [points_batch(run_id, [1])])
        bad.refused.mkdir()
        os.utime(bad.path / "spool.json", (1, 1))
        nested = left_folder(spool, server.uri, [points_batch(run_id, [2])])
        (nested.path / "spool.json").write_text("[" * 60_000)
        (spool / "link").symlink_to(bad.path)
        good = left_folder(spool, server.uri, [points_batch(run_id, [3])])
        client.log_metric(run_id, "own", 1.0)
        wait_until(lambda: not good.path.exists())
        (adopter,) = adoption._adopting.values()
        passes = adopter.passes
        wait_until(lambda: adopter.passes > passes + 3)
        assert [point.step for point in client.get_metric_history(run_id, "loss")] == [3]
    assert sum(f"{bad} is not delivered" in text for text in caplog.messages) == 1
    assert sum("link is not delivered" in text for text in caplog.messages) == 1
