"""The folder of artifacts is made where it was asked for, and keeps what a file has and no more."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runstream.v1.artifact_service_pb2 import DeleteArtifactsRequest
from runstream_service.alerts.judge import Judge
from runstream_service.alerts.rule_book import RuleBook
from runstream_service.alerts.silence import Silence
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from runstream_service.files.artifact_root import open_storage
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.folder import Folder
from runstream_service.ingest.ingest import Ingest
from runstream_service.live.feed import Feed
from runstream_service.live.heartbeats import Heartbeats
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog
from support.api import Api
from support.artifacts import MIB, download, files_below, list_paths, orphan_blob_names, upload
from support.server_process import ENVIRONMENT, ServerProcess


def test_a_server_moves_large_files_in_constant_memory(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server()
    api = connect(server.address)
    run_id = api.create_run()
    content = os.urandom(256 * MIB)
    upload(api, run_id, "small", b"x")
    before = peak(server)
    upload(api, run_id, "large", content)
    assert download(api, run_id, "large") == content
    assert peak(server) - before < 100_000_000


def peak(server: ServerProcess) -> int:
    """The most memory that the server ever had, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_artifacts_are_in_the_folder_that_was_asked_for_made_at_first_use(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api], tmp_path: Path
) -> None:
    server = start_server(RUNSTREAM_ARTIFACT_ROOT="some where/deep")
    api = connect(server.address)
    root = tmp_path / "some where" / "deep"
    assert not root.exists()
    run_id = api.create_run()
    assert list_paths(api, run_id) == []
    upload(api, run_id, "f", b"x")
    assert len(files_below(root)) == 1
    server.stop()
    server.restart()
    assert download(connect(server.address), run_id, "f") == b"x"


@pytest.mark.parametrize("root", ["gs://bucket/x", "s3://", "http://h/x", "file", "file/below"])
def test_an_artifact_root_that_cannot_be_used_is_refused_at_start(
    tmp_path: Path, root: str
) -> None:
    (tmp_path / "file").write_text("")
    started = subprocess.run(
        [sys.executable, "-m", "runstream", "server", "--port", "0", "--artifact-root", root],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (started.returncode, started.stdout) == (2, "")
    assert started.stderr.startswith("runstream server: artifact root")
    assert started.stderr.count("\n") == 1
    assert root in started.stderr


def test_a_reader_who_hangs_up_leaves_the_file_to_the_thread_that_reads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = tmp_path / "content"
    content.write_bytes(bytes(16 * MIB))

    async def hang_up_often() -> None:
        threads = FileThreads()
        folder: Any = Folder(tmp_path, threads)
        for turn in range(200):
            reading = folder.read("content", 0, 16 * MIB)
            waiting = asyncio.ensure_future(anext(reading))
            await asyncio.wait((waiting,), timeout=turn / 200_000)  # up to a millisecond
            waiting.cancel()
            await asyncio.wait((waiting,))
            await reading.aclose()
        await threads.close()
        await asyncio.sleep(0.1)  # until the last file is closed

    asyncio.run(hang_up_often())
    assert caplog.messages == []
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if fd.resolve() == content]


def test_collecting_removes_what_no_file_has(server: ServerProcess, api: Api) -> None:
    """E5."""
    root = server.database.with_name("artifacts")
    kept, purged = api.create_run(), api.create_run()
    upload(api, kept, "a", b"both")
    upload(api, purged, "a", b"both")
    upload(api, purged, "b", b"x" * 1000)
    server.stop()
    before = files_below(root)
    with sqlite3.connect(server.database) as database:
        database.execute("PRAGMA foreign_keys = 1")
        database.execute("DELETE FROM run WHERE uuid = ?", (purged,))
    assert asyncio.run(collect(server.database, root)) == (1, 1000)
    assert len(before) == 2
    (name,) = files_below(root)
    assert (root / name).read_bytes() == b"both"
    assert asyncio.run(collect(server.database, root)) == (0, 0)


def test_collecting_removes_what_a_crash_left_and_nothing_of_others(
    server: ServerProcess, api: Api
) -> None:
    """A root may be that of two databases beside each other, or hold other things."""
    root = server.database.with_name("artifacts")
    upload(api, api.create_run(), "f", b"x")
    server.stop()
    (mine,) = files_below(root)
    names = {"leaving": 0, "left": 1, "coming": time.time_ns() // 1_000_000}
    with sqlite3.connect(server.database) as database:
        for name, since in names.items():
            database.execute("INSERT INTO orphan_blob VALUES (?, ?)", (f"ab/{name}", since))
    (root / "ab").mkdir(exist_ok=True)
    for name in (*names, "another"):
        (root / "ab" / name).write_bytes(b"x")
        os.utime(root / "ab" / name, (0, 0))
    assert asyncio.run(collect(server.database, root)) == (0, 0)
    assert files_below(root) == sorted([mine, "ab/another", "ab/coming"])
    assert orphan_blob_names(server) == ["ab/coming"]


def test_no_name_is_left_stray_by_uploads_and_deletions(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    for path, content in (("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", b"3")):
        upload(api, run_id, path, content)
    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run_id))
    assert orphan_blob_names(server) == []


async def collect(database: Path, root: Path) -> tuple[int, int]:
    """What a purge does at its end, on the database of a server that is stopped."""
    store, threads = Store.open(SqliteEngine(database)), FileThreads()
    ingest = Ingest(Heartbeats(0), PointAppender(Backlog(store.engine)))
    book = RuleBook()
    store.start(ingest, Feed(), Judge(book, Silence(book)))
    try:
        storage = open_storage(str(root), False, store.writer, store.readers, threads)
        blobs = ArtifactStore(store.writer, store.readers, *storage)
        return await blobs.collect_orphans()
    finally:
        await store.stop()
        await threads.close()
        store.close()
