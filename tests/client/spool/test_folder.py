"""The folder of a process: how it comes into being, its locks, its cursor, its end."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from runstream.spool import file_locks, settings
from runstream.spool.cursor import CURSOR_NAME, Cursor, read_cursor
from runstream.spool.drafts import remove_drafts
from runstream.spool.file_locks import FileLock, NotLocked, lock_file
from runstream.spool.folder import (
    OwnFolder,
    SpoolFolder,
    create_folder,
    list_folders,
)
from runstream.spool.log_files import Place, file_path, list_files
from runstream.spool.log_writer import LogWriter


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


def start_process(spool: Path, delivers: bool = True) -> tuple[subprocess.Popen[str], SpoolFolder]:
    """Start a process that has a folder until it is killed."""
    program = f"""
import signal
from pathlib import Path
from runstream.spool.folder import create_folder
folder = create_folder(Path({str(spool)!r}), "grpc://server:1", delivers={delivers})
print(folder.path, flush=True)
signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, SpoolFolder(Path(process.stdout.readline().strip()))


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and let its pipes go."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


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


def test_what_a_process_was_making_or_removing_when_it_was_killed_goes_after_an_hour(
    tmp_path: Path,
) -> None:
    folder = create_folder(tmp_path, "")
    old, new = tmp_path / ".node-1-0a0a0a0a", tmp_path / ".node-2-0a0a0a0a"
    (old / "batches").mkdir(parents=True)
    (old / "spool.json").write_text("{")
    new.mkdir()
    os.utime(old, (0, 0))
    os.utime(folder.path, (0, 0))
    remove_drafts(tmp_path)
    remove_drafts(tmp_path / "none")
    assert sorted(tmp_path.iterdir()) == [new, folder.path]
    folder.close()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (".ssh", "id_ed25519"),
        (".node-1-0a0a0a0a", "id_ed25519"),
        (".node-1-0a0a0a0a", "batches/notes.txt"),
        (".node-1-0a0a0a0a", "tasks/sub/00000001.log"),
        (".node-1-0a0a0a0a", "spool.json/file"),
        (".node-1-0a0a0a0a.backup", "batches/00000001.log"),
        (".config", "batches/00000001.log"),
    ],
)
def test_a_folder_that_may_be_somebody_elses_stays_however_old(
    tmp_path: Path, name: str, file: str
) -> None:
    """A spool may be a home: RUNSTREAM_SPOOL=$HOME."""
    path = tmp_path / name / file
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    os.utime(tmp_path / name, (0, 0))
    remove_drafts(tmp_path)
    assert path.read_text() == "precious"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_draft_whose_process_lives_is_locked_nowhere_or_has_a_link_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(name: str) -> Path:
        (tmp_path / name / "batches").mkdir(parents=True)
        os.utime(tmp_path / name, (0, 0))
        return tmp_path / name

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "00000001.log").write_text("precious")
    linked = make(".node-1-0a0a0a0a.removed")
    (linked / "tasks").symlink_to(elsewhere)
    (tmp_path / ".node-2-0a0a0a0a").symlink_to(elsewhere)
    process, folder = start_process(tmp_path)
    alive = tmp_path / f".{folder.path.name}"
    folder.path.rename(alive)
    for path in (linked, elsewhere, alive):
        os.utime(path, (0, 0))
    remove_drafts(tmp_path)
    assert all(path.exists() for path in (linked, elsewhere / "00000001.log", alive))
    kill(process)
    monkeypatch.setattr(file_locks, "fcntl", None)
    os.utime(alive, (0, 0))
    remove_drafts(tmp_path)
    assert alive.exists()
    monkeypatch.undo()
    os.utime(alive, (0, 0))
    remove_drafts(tmp_path)
    assert not alive.exists()


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


# The cursor


@pytest.fixture
def own(tmp_path: Path) -> OwnFolder:
    """A folder with three files of two frames of 15 bytes."""
    own = create_folder(tmp_path, "")
    for _ in range(3):
        writer = LogWriter(own.batches)
        writer.append(b"abc")
        writer.append(b"def")
        writer.close()
    return own


def test_a_cursor_is_where_it_was_moved_to(own: OwnFolder) -> None:
    assert read_cursor(own.batches) == Place(1, 0)
    cursor = Cursor(own.batches)
    cursor.move(Place(1, 15))
    assert read_cursor(own.batches) == Place(1, 15)
    assert Cursor(own.batches).place == Place(1, 15)
    assert (own.batches / CURSOR_NAME).stat().st_size == 24


def test_files_before_the_cursor_are_removed(own: OwnFolder) -> None:
    cursor = Cursor(own.batches)
    assert cursor.move(Place(1, 30)) == 0
    assert list_files(own.batches) == [1, 2, 3]
    assert cursor.move(Place(3, 15)) == 60
    assert list_files(own.batches) == [3]


def test_a_cursor_that_is_damaged_or_too_old_is_the_first_file(own: OwnFolder) -> None:
    Cursor(own.batches).move(Place(2, 15))
    path = own.batches / CURSOR_NAME
    whole = path.read_bytes()
    file_path(own.batches, 1).write_bytes(b"")
    for size in range(24):
        path.write_bytes(whole[:size])
        assert read_cursor(own.batches) == Place(1, 0)
    for place in range(24):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_cursor(own.batches) == Place(1, 0)
    path.write_bytes(whole)
    assert read_cursor(own.batches) == Place(2, 15)
    file_path(own.batches, 1).unlink()
    file_path(own.batches, 2).unlink()
    assert read_cursor(own.batches) == Place(3, 0)


@pytest.mark.parametrize("place", [(1, 31), (1, 2**64 - 1), (2, 2**63 + 5), (4, 0), (2**64 - 1, 1)])
def test_a_cursor_beyond_the_end_of_its_file_is_the_first_file(
    own: OwnFolder, place: tuple[int, int]
) -> None:
    data = struct.pack("<4sQQ", b"RSC1", *place)
    path = own.batches / CURSOR_NAME
    path.write_bytes(data + struct.pack("<I", zlib.crc32(data)))
    assert read_cursor(own.batches) == Place(1, 0)
    assert Cursor(own.batches).place == Place(1, 0)


def test_files_of_a_size_without_end_are_read_in_part(own: OwnFolder) -> None:
    os.truncate(own.path / "spool.json", 1 << 40)
    (own.batches / CURSOR_NAME).touch()
    os.truncate(own.batches / CURSOR_NAME, 1 << 40)
    assert read_cursor(own.batches) == Place(1, 0)
    with pytest.raises(ValueError, match="is damaged"):
        own.read_info()


# The settings


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 8 * 1024**3),
        ("0", 0),
        ("1000", 1000),
        ("8GiB", 8 * 1024**3),
        ("1.5 MB", 1_500_000),
        ("500k", 500_000),
        ("2tib", 2 * 1024**4),
        ("7 B", 7),
    ],
)
def test_a_limit_is_a_size(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", text)
    assert settings.limit_bytes() == size


@pytest.mark.parametrize("text", ["-1", "8 apples", "GiB", "1e9", "inf"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", text)
    with pytest.raises(ValueError, match="RUNSTREAM_SPOOL_LIMIT is"):
        settings.limit_bytes()


def test_the_place_of_the_spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNSTREAM_SPOOL", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    assert settings.spool_path() == Path("/home/ada/.local/state/runstream/spool")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert settings.spool_path() == Path("/state/runstream/spool")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert settings.spool_path() == Path("/home/ada/.local/state/runstream/spool")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNSTREAM_SPOOL", "here")
    assert settings.spool_path() == tmp_path / "here"


def test_syncing_is_asked_for_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNSTREAM_SPOOL_SYNC", raising=False)
    assert not settings.is_synced()
    monkeypatch.setenv("RUNSTREAM_SPOOL_SYNC", "1")
    assert settings.is_synced()
    monkeypatch.setenv("RUNSTREAM_SPOOL_SYNC", "maybe")
    with pytest.raises(ValueError, match="RUNSTREAM_SPOOL_SYNC is 'maybe'"):
        settings.is_synced()


def test_a_share_of_the_disk_stays_free(tmp_path: Path) -> None:
    assert not settings.has_free_space(tmp_path, 1 << 60)


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
