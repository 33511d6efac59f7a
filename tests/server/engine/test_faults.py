"""What breaks: processes, disks, files. What was answered is there, and nothing is there twice."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest

from runstream.v1.logging_service_pb2 import LogBatchRequest, LogBatchResponse
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api, expect_refusal, make_batch
from support.artifacts import files_below, upload
from support.server_process import ENVIRONMENT, ServerProcess

pytestmark = pytest.mark.sqlite


def start_refused(database: Path | str, port: int = 0) -> str:
    """Start a server that must not come up; return what it says."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    server = subprocess.run(
        [sys.executable, "-m", "runstream", "server", "--database", url, "--port", str(port)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (server.returncode, server.stdout) == (2, "")
    assert server.stderr.startswith(("runstream server: ", "Error: "))
    assert server.stderr.count("\n") == 1
    return server.stderr


def in_one_transaction(
    server: ServerProcess, api: Api, *requests: LogBatchRequest
) -> list[LogBatchResponse]:
    """Send batches that wait while somebody else writes, and so come into one transaction."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        first = api.logging.LogBatch(iter([make_batch(requests[0].run_id)]), timeout=60)
        time.sleep(0.3)  # the writer has taken that one, and waits
        answers = api.logging.LogBatch(iter(requests), timeout=60)
        time.sleep(0.3)
        writing.execute("COMMIT")
        list(first)
        return list(answers)


def test_a_killed_server_keeps_every_answered_batch_and_none_twice(
    server: ServerProcess, api: Api
) -> None:
    run_id = api.create_run()
    requests = [make_batch(run_id, [(f"m{i % 7}", i, i, float(i))]) for i in range(20_000)]
    answered = 0
    for _ in range(3):
        already = answered
        threading.Timer(0.4, server.process.kill).start()
        answers = api.logging.LogBatch(iter(requests[already:]), timeout=60)
        with suppress(grpc.RpcError):
            for answer in answers:
                answered = already + answer.answered
        assert answers.code() == grpc.StatusCode.UNAVAILABLE
        server.kill()
        server.restart()
        api.runs.GetRun(GetRunRequest(run_id=run_id), wait_for_ready=True, timeout=30)
        stored = {step for _, step, _, _ in api.read_points(run_id)}
        assert stored >= set(range(answered))
        assert stored <= set(range(len(requests)))
        assert answered > already
    api.log_batches(requests[answered:])
    assert len(api.read_points(run_id)) == len(requests)
    with sqlite3.connect(server.database) as database:
        counts = database.execute("SELECT sum(count) FROM series").fetchone()
    assert counts == (len(requests),)


def test_a_full_disk_acknowledges_nothing_and_recovers(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    pid = server.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    wal = server.database.with_name(server.database.name + "-wal")
    # No file of the server may grow beyond a little more than now: writing fails as on a full disk.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size + 50_000, unlimited[1]))
    requests = [
        make_batch(run_id, [("m", i * 1000 + j, j, j / 7) for j in range(1000)]) for i in range(50)
    ]
    answered = 0
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE") as refusal:
        for answer in api.logging.LogBatch(iter(requests), timeout=60):
            answered = answer.answered
            assert not answer.HasField("error")
    cause = refusal.message.removeprefix("the storage failed: ")
    assert cause in ("database or disk is full", "disk I/O error")
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE"):
        api.runs.CreateRun(CreateRunRequest(run_name="x" * 60_000))
    assert answered < len(requests)
    stored = [step for _, step, _, _ in api.read_points(run_id)]
    assert stored[: answered * 1000] == list(range(answered * 1000))

    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    api.log_batches(requests[answered:])
    assert [step for _, step, _, _ in api.read_points(run_id)] == list(range(50_000))
    said = server.stop()
    assert f"storage failed: {cause}" in said
    assert "rollback" not in said


def test_one_bad_command_does_not_undo_those_beside_it(server: ServerProcess, api: Api) -> None:
    """A fault inside the database fails its own batch, and the others of its transaction stand."""
    good, bad = api.create_run(), api.create_run()
    with sqlite3.connect(server.database) as database:
        database.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON run_tag WHEN NEW.key = 'boom' "
            "BEGIN SELECT RAISE(ABORT, 'boom'); END"
        )

    def requests() -> Iterator[LogBatchRequest]:
        for i in range(100):
            yield make_batch(good, [("m", i, i, 1.0)])
        yield make_batch(bad, [("m", 1, 1, 1.0)], (), [("boom", "")])
        for i in range(100, 200):
            yield make_batch(good, [("m", i, i, 1.0)])

    answers = api.log_batches(requests())
    errors = [answer for answer in answers if answer.HasField("error")]
    assert [(e.answered, e.error.reason) for e in errors] == [(101, "INTERNAL")]
    assert "boom" not in errors[0].error.message
    assert len(api.read_points(good)) == 200
    assert api.read_points(bad) == []
    assert "boom" in server.stop()


def test_a_first_try_that_was_undone_leaves_no_trace_in_the_answers(
    server: ServerProcess, api: Api
) -> None:
    """What is refused because of a batch that then fails is applied, and answered as applied."""
    run_id = api.create_run()
    with sqlite3.connect(server.database) as database:
        database.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON tail_row WHEN NEW.count >= 3 "
            "BEGIN SELECT RAISE(ABORT, 'boom'); END"
        )
    watching = api.watches.Watch(WatchRequest(run_ids=[run_id]))
    next(watching)
    answers = in_one_transaction(
        server,
        api,
        make_batch(run_id, [("m", 1, i, 0.5) for i in range(3)], [("p", "first")]),
        make_batch(run_id, [("m", 2, 2, 1.0)], [("p", "second")]),
        make_batch(run_id, (), [("p", "third")]),
    )
    reasons = [answer.error.reason for answer in answers if answer.HasField("error")]
    assert reasons == ["INTERNAL", "PARAM_IMMUTABLE"]
    run = api.runs.GetRun(GetRunRequest(run_id=run_id)).run
    assert [param.value for param in run.data.params] == ["second"]
    assert api.read_points(run_id) == [("m", 2, 2, 1.0)]
    api.log_batches([make_batch(run_id, (), [("last", "")])])
    changes = (change for answer in watching for change in answer.changes)
    told: list[str] = []
    while "last" not in told:
        told += [param.value or param.key for param in next(changes).params]
    assert told == ["second", "last"]
    watching.cancel()


def test_a_second_server_on_the_same_file_is_refused(server: ServerProcess) -> None:
    said = start_refused(server.database)
    assert f"is served by another server at {server.address}" in said
    server.kill()
    server.restart()


def test_a_second_server_on_the_same_port_is_refused(server: ServerProcess, tmp_path: Path) -> None:
    said = start_refused(tmp_path / "other.db", int(server.address.rpartition(":")[2]))
    assert f"cannot listen on {server.address}" in said


@pytest.mark.parametrize(
    "content", [b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "corrupt.db"
    file.write_bytes(content)
    assert f"database {file} cannot be opened" in start_refused(file)
    assert file.read_bytes() == content


def test_a_damaged_database_is_refused(server: ServerProcess) -> None:
    server.stop()
    content = bytearray(server.database.read_bytes())
    content[100:2000] = b"\xaa" * 1900
    server.database.write_bytes(content)
    assert "cannot be opened" in start_refused(server.database)


def test_damage_found_while_serving_is_an_error_and_not_a_crash(
    server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    api = connect(server.address)
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, [("m", i, i, i / 7) for i in range(20_000)])])
    server.stop()
    content = bytearray(server.database.read_bytes())
    with sqlite3.connect(server.database) as database:
        (root,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name='chunk'"
        ).fetchone()
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    server.database.write_bytes(content)
    server.restart()
    api = connect(server.address)
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE"):
        api.read_points(run_id)
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE"):
        api.log_batches([make_batch(run_id, [("m", 1, 2, 3.0)])])
    assert api.create_run()
    assert "malformed" in server.stop()


def test_a_database_of_a_newer_version_is_refused(server: ServerProcess) -> None:
    server.stop()
    with sqlite3.connect(server.database) as database:
        database.execute(
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2100-01-01')"
        )
    said = start_refused(server.database)
    assert "written by a newer version of Runstream" in said
    assert "9999_future" in said


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE experiments (id INTEGER)")
    assert "belongs to another program" in start_refused(file)


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "sqlite:///"])
def test_a_database_url_of_another_kind_is_refused(url: str) -> None:
    assert "sqlite:///relative.db" in start_refused(url)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "missing" in start_refused(tmp_path / "missing" / "runs.db")


def test_a_reader_does_not_wait_for_the_writer(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    api.log_batches([make_batch(run_id, [("m", 1, 1, 1.0)])])
    writing = sqlite3.connect(server.database, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    pending = api.logging.LogBatch(iter([make_batch(run_id, [("m", 2, 2, 2.0)])]), timeout=60)
    time.sleep(0.1)
    assert api.read_points(run_id) == [("m", 1, 1, 1.0)]
    writing.execute("COMMIT")
    writing.close()
    assert [answer.answered for answer in pending] == [1]


def test_an_upload_that_fills_the_disk_leaves_nothing_on_it(
    server: ServerProcess, api: Api
) -> None:
    """Though it could be continued: its client begins again when there is room."""
    run_id, upload_id = api.create_run(), "a" * 32
    pid = server.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (9_000_000, unlimited[1]))
    content = bytes(20_000_000)
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "STORAGE"):
        upload(api, run_id, "large", content, upload_id)
    assert files_below(server.database.with_name("artifacts")) == []
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert upload(api, run_id, "large", content, upload_id).file_size == len(content)
