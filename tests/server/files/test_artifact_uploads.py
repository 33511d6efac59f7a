"""Uploads that break off: nothing half is visible, and what is there need not be sent again."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from grpc import StatusCode

from runstream.v1.artifact_service_pb2 import DownloadArtifactRequest
from runstream_service.access.caller import ANYONE
from runstream_service.files.staging import _key
from support.api import Api, expect_refusal, make_batch
from support.artifacts import (
    MIB,
    chunk_parts,
    download,
    end_part,
    files_below,
    half_open,
    list_paths,
    start_part,
    upload,
    uploaded_bytes,
)
from support.server_process import ServerProcess
from support.waiting import wait_until

ID = "0123456789abcdef" * 2


def test_an_upload_that_broke_off_is_continued(api: Api, root: Path) -> None:
    run_id, content = api.create_run(), os.urandom(5 * MIB + 7)
    assert uploaded_bytes(api, run_id, ID) == 0
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content[: 3 * MIB])) as call:
        wait_until(lambda: uploaded_bytes(api, run_id, ID) == 3 * MIB, 20)
        assert list_paths(api, run_id) == []
        with expect_refusal(StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND"):
            download(api, run_id, "f")
        call.cancel()
    assert uploaded_bytes(api, run_id, ID) == 3 * MIB
    upload(api, run_id, "f", content, ID, 3 * MIB)
    assert download(api, run_id, "f") == content
    assert uploaded_bytes(api, run_id, ID) == 0
    assert len(files_below(root)) == 1


def test_an_upload_that_is_whole_needs_nothing_but_its_end(api: Api) -> None:
    run_id, content = api.create_run(), os.urandom(2 * MIB)
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content)) as call:
        wait_until(lambda: uploaded_bytes(api, run_id, ID) == len(content), 20)
        call.cancel()
    upload(api, run_id, "f", content, ID, len(content))
    assert download(api, run_id, "f") == content


def test_a_killed_server_shows_nothing_half_and_goes_on_from_there(
    server: ServerProcess, connect: Callable[[str], Api], root: Path
) -> None:
    api = connect(server.address)
    run_id, content = api.create_run(), os.urandom(6 * MIB)
    upload(api, run_id, "whole", b"there")
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content[: 4 * MIB])):
        wait_until(lambda: uploaded_bytes(api, run_id, ID) == 4 * MIB, 20)
        server.kill()
    server.restart()
    api = connect(server.address)
    assert list_paths(api, run_id) == ["whole"]
    assert download(api, run_id, "whole") == b"there"
    offset = uploaded_bytes(api, run_id, ID)
    assert offset == 4 * MIB
    upload(api, run_id, "f", content, ID, offset)
    assert download(api, run_id, "f") == content
    assert len(files_below(root)) == 2


def test_an_answered_upload_survives_a_kill(
    server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    api = connect(server.address)
    run_id, content = api.create_run(), os.urandom(3 * MIB)
    upload(api, run_id, "f", content)
    server.kill()
    server.restart()
    assert download(connect(server.address), run_id, "f") == content


def test_an_upload_goes_on_where_it_stands_and_nowhere_else(api: Api) -> None:
    run_id, content = api.create_run(), os.urandom(4 * MIB)
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content[: 3 * MIB])):
        wait_until(lambda: uploaded_bytes(api, run_id, ID) == 3 * MIB, 20)
    for offset in (-1, 0, 1, 2 * MIB, 3 * MIB + 1):
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "UPLOAD_OFFSET") as refusal:
            api.artifacts.UploadArtifact(iter([start_part(run_id, "f", ID, offset)]), timeout=30)
        assert refusal.metadata["limit"] == str(3 * MIB)
        assert uploaded_bytes(api, run_id, ID) == 3 * MIB
    upload(api, run_id, "f", content, ID, 3 * MIB)
    assert download(api, run_id, "f") == content


def test_a_second_stream_takes_an_upload_over(api: Api) -> None:
    """The first may be a connection that is dead without the server knowing."""
    run_id, content = api.create_run(), os.urandom(4 * MIB)
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content[: 2 * MIB])) as first:
        wait_until(lambda: uploaded_bytes(api, run_id, ID) == 2 * MIB, 20)
        upload(api, run_id, "f", content, ID, 2 * MIB)
        for request in chunk_parts(content[2 * MIB :]):
            first.more.put(request)
        first.more.put(end_part(content))
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "UPLOAD_OFFSET"):
            first.result()
    assert download(api, run_id, "f") == content


def test_an_upload_without_an_id_leaves_nothing_behind(api: Api, root: Path) -> None:
    run_id = api.create_run()
    with half_open(api, start_part(run_id, "f"), *chunk_parts(os.urandom(2 * MIB))) as call:
        wait_until(lambda: len(files_below(root)) == 1, 20)
        call.cancel()
    wait_until(lambda: files_below(root) == [], 20)


def test_an_upload_id_is_32_hexadecimal_digits(api: Api) -> None:
    for upload_id in ("x", "../" + "a" * 29, "A" * 32, "0" * 31, "0" * 33):
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "UPLOAD_ID_MALFORMED"):
            upload(api, api.create_run(), "f", b"", upload_id)
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "UPLOAD_ID_MALFORMED"):
            uploaded_bytes(api, "0" * 32, upload_id)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "UPLOAD_ID_MALFORMED"):
        uploaded_bytes(api, "0" * 32, "")


def test_an_upload_is_of_its_run_and_path_alone(api: Api) -> None:
    """Who has the id of somebody else's upload neither reads nor finishes it."""
    run_id, other, content = api.create_run(), api.create_run(), os.urandom(2 * MIB)
    with half_open(api, start_part(run_id, "f", ID), *chunk_parts(content[:MIB])) as call:
        wait_until(lambda: uploaded_bytes(api, run_id, ID) == MIB, 20)
        call.cancel()
    for run, path in ((other, "f"), (run_id, "g"), (other, "g")):
        assert uploaded_bytes(api, run, ID, path) == 0
        with expect_refusal(StatusCode.FAILED_PRECONDITION, "UPLOAD_OFFSET"):
            upload(api, run, path, content, ID, MIB)
        upload(api, run, path, b"another", ID)
        assert download(api, run, path) == b"another"
    upload(api, run_id, "f", content, ID, MIB)
    assert download(api, run_id, "f") == content
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "RUN_ID_EMPTY"):
        uploaded_bytes(api, "", ID)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PATH_MALFORMED"):
        uploaded_bytes(api, run_id, ID, "")


def test_what_broke_off_over_an_hour_ago_is_removed(api: Api, root: Path) -> None:
    (root / "uploads").mkdir(parents=True)
    old, new, foreign = (root / "uploads" / name for name in ("0" * 32, "1" * 32, "notes"))
    for file in (old, new, foreign):
        file.write_bytes(b"half")
        os.utime(file, (time.time() - 61 * 60,) * 2)
    os.utime(new, (time.time() - 59 * 60,) * 2)
    upload(api, api.create_run(), "f", b"x")
    wait_until(lambda: not old.exists(), 20)
    assert new.exists()
    assert foreign.exists()


def test_an_upload_that_is_gone_while_old_ones_are_removed_keeps_none_of_them(
    api: Api, root: Path
) -> None:
    """A link to nothing stands for it: it is listed, and not to be found."""
    (root / "uploads").mkdir(parents=True)
    (root / "uploads" / ("0" * 32)).symlink_to(root / "nowhere")
    old = root / "uploads" / ("f" * 32)
    old.touch()
    os.utime(old, (time.time() - 7_200,) * 2)
    upload(api, api.create_run(), "f", b"x")
    wait_until(lambda: not old.exists(), 20)


def test_of_very_many_uploads_that_broke_off_the_newest_are_kept(api: Api, root: Path) -> None:
    """Of very many bytes, too."""
    (root / "uploads").mkdir(parents=True)
    keys = [_key(ANYONE, "run", "f", str(i)) for i in range(1_010)]
    files = [root / "uploads" / key for key in keys]
    for i, file in enumerate(files):
        file.touch()
        os.utime(file, (time.time() - i,) * 2)
    os.truncate(files[500], 64 * 2**30 - 1)  # sparse
    os.utime(files[500], (time.time() - 500,) * 2)
    files[501].write_bytes(b"half")
    os.utime(files[501], (time.time() - 501,) * 2)
    upload(api, api.create_run(), "f", b"x")
    wait_until(lambda: not any(file.exists() for file in [*files[501:]]), 20)
    assert all(file.exists() for file in files[:501])


def test_slow_clients_hold_nobody_up(api: Api) -> None:
    """More of them than the server has threads."""
    run_id, content = api.create_run(), os.urandom(20 * MIB)
    upload(api, run_id, "f", content)
    request = DownloadArtifactRequest(run_id=run_id, path="f")
    reading = [api.artifacts.DownloadArtifact(request, timeout=60) for _ in range(12)]
    for answers in reading:
        next(answers)
    ids = [f"{i:032x}" for i in range(12)]
    writing = [
        half_open(api, start_part(run_id, f"slow{i}", upload_id), *chunk_parts(content[:MIB]))
        for i, upload_id in enumerate(ids)
    ]
    for upload_under_way in writing:
        upload_under_way.__enter__()
    wait_until(
        lambda: all(
            uploaded_bytes(api, run_id, upload_id, f"slow{i}") == MIB
            for i, upload_id in enumerate(ids)
        ),
        20,
    )
    upload(api, run_id, "quick", content)
    assert download(api, run_id, "quick") == content
    api.log_batches([make_batch(run_id, [("m", 1, 1, 1.0)])])
    for answers in reading:
        assert b"".join(answer.chunk for answer in answers) == content
    for upload_under_way in writing:
        upload_under_way.__exit__(None, None, None)


def test_a_full_disk_loses_nothing_that_was_there(
    server: ServerProcess, api: Api, root: Path
) -> None:
    run_id, content = api.create_run(), os.urandom(6 * MIB)
    upload(api, run_id, "before", b"x")
    pid = server.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (5 * MIB // 2, unlimited[1]))
    with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE"):
        upload(api, run_id, "f", content, ID)
    with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE"):
        upload(api, run_id, "other", content)
    assert list_paths(api, run_id) == ["before"]
    assert len(files_below(root)) == 1  # what could not be completed is not kept on a full disk
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert uploaded_bytes(api, run_id, ID) == 0
    upload(api, run_id, "f", content, ID)
    assert download(api, run_id, "f") == content
    assert "storage failed" in server.stop()


def test_a_lost_content_is_an_error_and_not_a_crash(
    server: ServerProcess, api: Api, root: Path
) -> None:
    run_id = api.create_run()
    upload(api, run_id, "gone", b"x")
    upload(api, run_id, "cut", os.urandom(3 * MIB))
    gone, cut = sorted((root / name for name in files_below(root)), key=lambda f: f.stat().st_size)
    gone.unlink()
    os.truncate(cut, MIB)
    for path in ("gone", "cut"):
        with expect_refusal(StatusCode.DATA_LOSS, "ARTIFACT_CONTENT_MISSING"):
            download(api, run_id, path)
    assert list_paths(api, run_id) == ["cut", "gone"]
    assert "the content of artifact 'gone'" in server.stop()
