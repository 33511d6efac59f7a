"""Finding and starting the server of a file, with real processes, locks and signals."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from runstream import TrackingClient
from runstream.errors import Unavailable
from runstream.transport import embedded
from runstream.transport.embedded import ensure_server
from runstream.v1 import (
    experiment_service_pb2,
    experiment_service_pb2_grpc,
    logging_service_pb2,
    logging_service_pb2_grpc,
)
from support.waiting import wait_until

# A client process: prints one line `spawned` if it started a server, then the target it called.
CLIENT = """
import sys
sys.addaudithook(lambda event, args: event == "subprocess.Popen" and print("spawned"))
import grpc
from runstream.transport import embedded
from runstream.v1.experiment_service_pb2 import GetExperimentRequest
from runstream.v1.experiment_service_pb2_grpc import ExperimentServiceStub
embedded.IDLE_TIMEOUT = float(sys.argv[2])
target = embedded.ensure_server(sys.argv[1])
with grpc.insecure_channel(target) as channel:
    stub = ExperimentServiceStub(channel)
    stub.GetExperiment(GetExperimentRequest(experiment_id="0"), timeout=20)
print(target)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in which the folders of the sockets are made."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def database(tmp_path: Path, temporary: Path) -> Iterator[str]:
    del temporary
    file = str(tmp_path / "runs.db")
    yield file
    target = embedded._find_listening(file)
    if target is not None and target.startswith("unix:"):
        os.kill(server_of(target), signal.SIGKILL)
        wait_until(lambda: is_free(file), 20)
        embedded._reap()


def is_free(database: str) -> bool:
    """Say whether no server holds the lock of a database."""
    with open(f"{database}.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def server_of(target: str) -> int:
    """Return the process id of the server that listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(target.removeprefix("unix:"))
        peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", peer)[0])


def create_experiment(target: str, name: str) -> str:
    with grpc.insecure_channel(target) as channel:
        stub = experiment_service_pb2_grpc.ExperimentServiceStub(channel)
        request = experiment_service_pb2.CreateExperimentRequest(name=name)
        return stub.CreateExperiment(request, timeout=20).experiment_id


def name_of(target: str, experiment_id: str) -> str:
    with grpc.insecure_channel(target) as channel:
        stub = experiment_service_pb2_grpc.ExperimentServiceStub(channel)
        request = experiment_service_pb2.GetExperimentRequest(experiment_id=experiment_id)
        return stub.GetExperiment(request, timeout=20).experiment.name


def client_process(database: str, idle_timeout: float = 30) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, database, str(idle_timeout)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("processes", [2, 20])
def test_processes_that_race_start_exactly_one_server(
    database: str, temporary: Path, processes: int
) -> None:
    clients = [client_process(database) for _ in range(processes)]
    lines = [client.communicate(timeout=60)[0].splitlines() for client in clients]
    assert [client.returncode for client in clients] == [0] * processes
    assert sum(line.count("spawned") for line in lines) == 1
    assert len({line[-1] for line in lines}) == 1
    assert len(os.listdir(temporary)) == 1


def test_threads_that_race_start_exactly_one_server(database: str, temporary: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        targets = set(pool.map(ensure_server, [database] * 8))
    assert len(targets) == 1
    assert len(os.listdir(temporary)) == 1
    assert name_of(targets.pop(), "0") == "Default"


def test_the_server_is_found_again_after_the_process_that_started_it(database: str) -> None:
    first, _ = client_process(database).communicate(timeout=60)
    second, _ = client_process(database).communicate(timeout=60)
    assert first.splitlines() == ["spawned", second.strip()]
    assert ensure_server(database) == second.strip()


def test_the_socket_is_in_a_folder_of_its_user_alone(database: str, temporary: Path) -> None:
    path = Path(ensure_server(database).removeprefix("unix:"))
    assert path.parent.parent == temporary
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_long_temporary_folder_does_not_break_the_socket(
    database: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = temporary / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert name_of(ensure_server(database), "0") == "Default"
    assert os.listdir(deep) == []


def test_the_server_is_out_of_reach_of_the_terminal(database: str) -> None:
    server = server_of(ensure_server(database))
    assert os.getsid(server) == server


def test_the_server_ends_after_its_last_client_and_the_next_one_has_the_data(
    database: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "IDLE_TIMEOUT", 1)
    target = ensure_server(database)
    created = create_experiment(target, "kept")
    wait_until(lambda: is_free(database) and os.listdir(temporary) == [], 20)
    assert not Path(f"{database}.address").exists()
    again = ensure_server(database)
    assert again != target
    assert name_of(again, created) == "kept"


def test_an_open_stream_keeps_the_server(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "IDLE_TIMEOUT", 0.5)
    target = ensure_server(database)
    server = server_of(target)

    def silence() -> Iterator[logging_service_pb2.LogBatchRequest]:
        time.sleep(2)
        yield from ()

    with grpc.insecure_channel(target) as channel:
        stub = logging_service_pb2_grpc.LoggingServiceStub(channel)
        for _ in stub.LogBatch(silence()):
            pass
        assert ensure_server(database) == target
        assert server_of(target) == server
    wait_until(lambda: is_free(database), 20)


def test_a_killed_server_is_replaced_and_nothing_of_it_is_left(
    database: str, temporary: Path
) -> None:
    target = ensure_server(database)
    created = create_experiment(target, "kept")
    server = server_of(target)
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: is_free(database), 20)
    assert Path(f"{database}.address").read_text().strip() == target
    again = ensure_server(database)
    assert again != target
    assert name_of(again, created) == "kept"
    assert os.listdir(temporary) == [Path(again.removeprefix("unix:")).parent.name]
    assert not Path(f"/proc/{server}").exists(), "the killed server is still a zombie"


def test_what_is_queued_finds_the_server_that_takes_the_place_of_a_killed_one(
    database: str,
) -> None:
    with TrackingClient(database) as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "m", 1.0, step=1)
        client.flush(20)
        os.kill(server_of(ensure_server(database)), signal.SIGKILL)
        wait_until(lambda: is_free(database), 20)
        client.log_metric(run_id, "m", 2.0, step=2)
        client.flush(20)
        assert client.get_run(run_id).data.metrics == {"m": 2.0}


def test_an_address_that_somebody_else_has_taken_over_is_not_believed(database: str) -> None:
    Path(database).touch()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        Path(f"{database}.address").write_text(f"{address}\n")
        assert embedded._find_listening(database) == address
        assert ensure_server(database).startswith("unix:")


def test_a_server_started_by_hand_is_found(database: str) -> None:
    command = [sys.executable, "-m", "runstream", "server", "--port", "0"]
    server = subprocess.Popen(
        [*command, "--database", f"sqlite:///{database}"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout:
        line = server.stdout.readline()
        assert f"grpc://{ensure_server(database)}," in line
    server.terminate()
    assert server.wait(20) == 0


def test_a_child_forked_meanwhile_does_not_keep_the_lock(database: str) -> None:
    script = """
import os, signal, sys
from runstream.transport import embedded
spawn = embedded._spawn
def spawn_while_another_thread_forks(database, lock):
    global child
    child = os.fork()
    if child == 0:
        os.close(1)  # the test reads until all have closed it
        signal.pause()
    return spawn(database, lock)
embedded._spawn = spawn_while_another_thread_forks
print(embedded.ensure_server(sys.argv[1]), child)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, database], stdout=subprocess.PIPE, text=True, timeout=60
    )
    target, child = done.stdout.split()
    os.kill(server_of(target), signal.SIGKILL)
    try:
        wait_until(lambda: is_free(database), 20)
    finally:
        os.kill(int(child), signal.SIGKILL)


def test_a_server_that_cannot_start_says_why(database: str, temporary: Path) -> None:
    Path(database).write_bytes(b"this is no database, " * 1000)
    Path(f"{database}.log").write_text("yesterday's trouble\n")
    with pytest.raises(Unavailable, match=rf"{database} did not start: .*not a database") as error:
        ensure_server(database)
    assert "yesterday" not in error.value.message
    assert error.value.reason == "SERVER_NOT_STARTED"
    assert os.listdir(temporary) == []
    assert is_free(database)


def test_a_folder_that_is_not_there_is_named(database: str) -> None:
    missing = f"{database}/nowhere/runs.db"
    with pytest.raises(Unavailable, match=f"cannot be started: .*{missing}") as error:
        ensure_server(missing)
    assert error.value.message.endswith(f"the folder of {missing} does not exist")


def test_a_server_that_never_answers_is_given_up(database: str) -> None:
    with open(f"{database}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begin = time.monotonic()
        with pytest.raises(Unavailable, match=r"did not answer within 0.5 s") as error:
            ensure_server(database, timeout=0.5)
        assert 0.5 <= time.monotonic() - begin < 5
        assert error.value.reason == "SERVER_NOT_ANSWERING"
