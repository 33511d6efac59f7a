"""The folder of a process: how it comes into being, its locks, its end."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runstream.spool import file_locks
from runstream.spool.file_locks import FileLock, NotLocked, lock_file
from runstream.spool.folder import SpoolFolder, create_folder, list_folders
from runstream.spool.log_writer import LogWriter
from support.folder_processes import kill, start_process


def test_a_folder_is_for_its_owner_alone_and_says_whose_it_is(tmp_path: Path) -> None:
    folder = create_folder(tmp_path / "state" / "spool", "grpc://server:1", "train.py")
    assert [found.path for found in list_folders(tmp_path / "state" / "spool")] == [folder.path]
    said = json.loads((folder.path / "spool.json").read_text())
    assert said["format"] == 1
    assert said["trackingUri"] == "grpc://server:1"
    assert said["program"] == "train.py"
    assert folder.path.name.startswith(f"{said['host']}-{os.getpid()}-")
    assert SpoolFolder(folder.path).read_info() == folder.info
    for path in (folder.path, folder.batches):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for name in ("spool.json", "writer.lock", "delivery.lock"):
        assert stat.S_IMODE((folder.path / name).stat().st_mode) == 0o600
    folder.close()


def test_a_folder_that_is_not_locked_yet_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watch(path: Path) -> FileLock | NotLocked:
        if tmp_path in path.parents:  # threads of the tests before look at other folders
            seen.append(list_folders(tmp_path))
        return lock_file(path)

    monkeypatch.setattr("runstream.spool.folder.lock_file", watch)
    folder = create_folder(tmp_path, "")
    assert seen == [[], []]
    folder.close()


def test_a_folder_that_could_not_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError(errno.ENOSPC, "full", str(path))

    monkeypatch.setattr("runstream.spool.folder.lock_file", fail)
    with pytest.raises(OSError, match="full"):
        create_folder(tmp_path, "")
    assert list(tmp_path.iterdir()) == []


def test_the_locks_say_whether_the_process_lives(tmp_path: Path) -> None:
    process, folder = start_process(tmp_path)
    assert folder.lock_writer() is NotLocked.HELD
    assert folder.lock_delivery() is NotLocked.HELD
    kill(process)
    locks = folder.lock_writer(), folder.lock_delivery()
    assert all(isinstance(lock, FileLock) for lock in locks)
    assert folder.lock_writer() is NotLocked.HELD, "the same process asks again"
    for lock in locks:
        assert isinstance(lock, FileLock)
        lock.release()
        lock.release()


def test_a_process_that_only_writes_leaves_the_delivery_to_others(tmp_path: Path) -> None:
    process, folder = start_process(tmp_path, delivers=False)
    assert folder.lock_writer() is NotLocked.HELD
    lock = folder.lock_delivery()
    assert isinstance(lock, FileLock)
    lock.release()
    kill(process)


def is_locked_for_others(path: Path) -> bool:
    """Ask another process."""
    program = f"""
from pathlib import Path
from runstream.spool.file_locks import NotLocked, lock_file
raise SystemExit(lock_file(Path({str(path)!r})) is NotLocked.HELD)
"""
    return subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 1


def test_looking_at_an_own_folder_does_not_let_go_of_its_locks(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, "")
    (tmp_path / "link").symlink_to(folder.path)
    for path in (folder.path, tmp_path / "link"):
        assert SpoolFolder(path).lock_writer() is NotLocked.HELD
        assert SpoolFolder(path).read_info() == folder.info
    threads = [threading.Thread(target=SpoolFolder(folder.path).lock_writer) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_locked_for_others(folder.path / "writer.lock")
    folder.close()
    assert not is_locked_for_others(folder.path / "writer.lock")


def test_a_forked_child_has_no_locks_and_takes_none_away(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, "")
    child = os.fork()
    if child == 0:
        is_held = folder.lock_writer() is NotLocked.HELD
        folder.close()
        os._exit(0 if is_held else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_locked_for_others(folder.path / "writer.lock")
    folder.close()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_is_a_value_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.lockf", fail)
    folder = create_folder(tmp_path, "")
    assert list_folders(tmp_path)
    assert SpoolFolder(folder.path).lock_writer() is NotLocked.UNSUPPORTED
    folder.close()


def test_an_operating_system_without_locks_is_a_value_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_locks, "fcntl", None)
    assert lock_file(tmp_path / "writer.lock") is NotLocked.UNSUPPORTED


def test_a_lock_of_a_file_that_was_removed_meanwhile_is_none(tmp_path: Path) -> None:
    process, folder = start_process(tmp_path)
    opened = os.open(folder.path / "writer.lock", os.O_RDWR)
    folder.remove()
    kill(process)
    os.close(opened)
    with pytest.raises(FileNotFoundError):
        folder.lock_writer()


def test_a_folder_is_removed_whole(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, "")
    LogWriter(folder.batches).append(b"a")
    folder.set_aside(folder.batches, 1, 0, 13)
    assert folder.count_bytes() > 26
    folder.remove()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_removing_a_folder_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("a")
    folder = create_folder(tmp_path / "spool", "")
    (folder.path / "files").symlink_to(elsewhere)
    (folder.batches / "00000001.log").symlink_to(elsewhere / "precious")
    folder.remove()
    assert not folder.path.exists()
    link = tmp_path / "spool" / "link"
    link.symlink_to(elsewhere)
    with pytest.raises(OSError, match="a link"):
        SpoolFolder(link).remove()
    assert link.is_symlink()
    assert (elsewhere / "precious").read_text() == "a"


def test_damaged_bytes_are_kept_under_the_name_of_their_place(tmp_path: Path) -> None:
    folder = create_folder(tmp_path, "")
    LogWriter(folder.batches).append(b"abcdef")
    kept = folder.set_aside(folder.batches, 1, 14, 3)
    assert kept == folder.path / "damaged" / "batches-00000001-0000000014"
    assert kept.read_bytes() == b"cde"
    folder.close()


def test_what_is_no_folder_of_a_spool_says_so(tmp_path: Path) -> None:
    folder = SpoolFolder(tmp_path)
    with pytest.raises(FileNotFoundError):
        folder.read_info()
    (tmp_path / "spool.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        folder.read_info()
    (tmp_path / "spool.json").write_text("[" * 60_000)
    with pytest.raises(ValueError, match="is damaged"):
        folder.read_info()
    (tmp_path / "spool.json").write_text('{"format": 2, "added": "later"}')
    with pytest.raises(ValueError, match="has format 2"):
        folder.read_info()


def test_folders_are_listed_as_they_were_made_whatever_their_names_and_the_times_of_a_copy(
    tmp_path: Path,
) -> None:
    """A forked child logs to the run of its parent, and may have a process id that sorts first."""
    folders = [create_folder(tmp_path, "grpc://h:1", "train.py") for _ in range(8)]
    for age, folder in enumerate(folders):
        info = folder.path / "spool.json"
        text = info.read_text().replace(f'"{folder.info.created}"', f'"{1_000 * (9 - age)}"')
        info.write_text(text)
        os.utime(info, ns=(0, 1_000_000_000 * age))
    made = [folder.path for folder in reversed(folders)]
    assert [folder.path for folder in list_folders(tmp_path)] == made
    for folder in folders:
        folder.close()


def test_a_folder_that_does_not_say_when_it_was_made_has_the_time_of_its_file(
    tmp_path: Path,
) -> None:
    folders = [create_folder(tmp_path, "grpc://h:1", "train.py") for _ in range(4)]
    texts = ["", "[]", '{"created": null}', '{"created": "soon"}']
    for age, (folder, text) in enumerate(zip(folders, texts, strict=True)):
        (folder.path / "spool.json").write_text(text)
        os.utime(folder.path / "spool.json", ns=(0, 1_000_000 * (9 - age)))
    made = [folder.path for folder in reversed(folders)]
    assert [folder.path for folder in list_folders(tmp_path)] == made
    for folder in folders:
        folder.close()
