"""The files of a log: appended, read behind a writer, damaged, cut, full."""

from __future__ import annotations

import errno
import os
import random
import signal
import struct
import subprocess
import sys
import time
import zlib
from contextlib import nullcontext
from pathlib import Path

import pytest

from runstream.spool import frames, log_files
from runstream.spool.cursor import read_cursor
from runstream.spool.log_files import START, Place, file_path, list_files
from runstream.spool.log_reader import Damage, LogReader
from runstream.spool.log_writer import LogWriter
from support.other_users import STRANGER
from support.spools import read_log


def fail(damage: Damage) -> None:
    """Be no reader's damage."""
    raise AssertionError(damage)


def test_a_frame_has_letters_length_and_checksum(folder: Path, writer: LogWriter) -> None:
    assert writer.append(b"abc") == Place(1, 15)
    data = file_path(folder, 1).read_bytes()
    length = struct.pack("<I", 3)
    checksum = struct.pack("<I", zlib.crc32(length + b"abc"))
    assert data == b"RSF1" + length + checksum + b"abc"


def test_what_is_appended_is_read_in_order_from_any_place(folder: Path, writer: LogWriter) -> None:
    payloads = [os.urandom(random.randrange(1, 5_000)) for _ in range(300)]
    ends = [writer.append(payload) for payload in payloads]
    assert read_log(folder) == (payloads, [])
    assert read_log(folder, ends[99]) == (payloads[100:], [])


@pytest.mark.parametrize("size", [0, frames.MAX_PAYLOAD_BYTES + 1])
def test_a_payload_that_no_frame_can_have_is_refused(writer: LogWriter, size: int) -> None:
    with pytest.raises(ValueError, match="a frame has 1 to"):
        writer.append(b"\0" * size)


def test_the_longest_payload_is_read_back(folder: Path, writer: LogWriter) -> None:
    payloads = [b"a", os.urandom(frames.MAX_PAYLOAD_BYTES), b"b"]
    for payload in payloads:
        writer.append(payload)
    assert read_log(folder) == (payloads, [])
    assert list_files(folder) == [1, 2]


def test_the_next_file_is_begun_when_one_is_full(
    folder: Path, writer: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.spool.log_writer.FILE_BYTES", 100)
    payloads = [b"x" * 30 + bytes([number]) for number in range(10)]
    for payload in payloads:
        writer.append(payload)
    assert list_files(folder) == [1, 2, 3, 4]
    assert read_log(folder) == (payloads, [])
    assert LogWriter(folder).end == Place(5, 0)


def test_a_reader_follows_a_writer(
    folder: Path, writer: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.spool.log_writer.FILE_BYTES", 200)
    reader = LogReader(folder, START, fail)
    assert reader.next(may_grow=True) is None
    for number in range(50):
        end = writer.append(b"%d" % number)
        frame = reader.next(may_grow=True)
        assert frame is not None
        assert frame == (b"%d" % number, end)
        assert reader.next(may_grow=True) is None


def test_a_frame_that_is_being_written_is_read_once_it_is_there(folder: Path) -> None:
    folder.mkdir()
    payload = os.urandom(5_000)
    data = frames.make_header(payload) + payload
    reader = LogReader(folder, START, fail)
    with file_path(folder, 1).open("wb", buffering=0) as file:
        for part in (data[:3], data[3:20], data[20:4_000], data[4_000:]):
            assert reader.next(may_grow=True) is None
            file.write(part)
    frame = reader.next(may_grow=True)
    assert frame is not None
    assert frame.payload == payload


def test_a_frame_that_its_writer_took_back_is_not_mixed_with_the_next(folder: Path) -> None:
    folder.mkdir()
    first, second = os.urandom(3_000), os.urandom(3_000)
    path = file_path(folder, 1)
    path.write_bytes((frames.make_header(first) + first)[:2_000])
    reader = LogReader(folder, START, fail)
    assert reader.next(may_grow=True) is None
    path.write_bytes(frames.make_header(second) + second)
    frame = reader.next(may_grow=True)
    assert frame is not None
    assert frame.payload == second


@pytest.mark.parametrize("may_grow", [True, False])
def test_reading_goes_on_behind_damage(folder: Path, writer: LogWriter, may_grow: bool) -> None:
    payloads = [os.urandom(1_000) for _ in range(100)]
    ends = [writer.append(payload) for payload in payloads]
    data = bytearray(file_path(folder, 1).read_bytes())
    data[ends[9].offset + 2] ^= 1  # the letters of one
    data[ends[29].offset + 5] ^= 0xFF  # the length of another
    data[ends[59].offset + 500] ^= 1  # the payload of two
    data[ends[60].offset + 500] ^= 1
    file_path(folder, 1).write_bytes(data)
    found, damages = read_log(folder, may_grow=may_grow)
    assert found == [payload for i, payload in enumerate(payloads) if i not in (10, 30, 60, 61)]
    assert damages == [Damage(ends[9], 1_012), Damage(ends[29], 1_012), Damage(ends[59], 2_024)]


def test_random_bytes_anywhere_never_hide_a_frame(folder: Path, writer: LogWriter) -> None:
    payloads = [os.urandom(random.randrange(1, 200)) for _ in range(50)]
    for payload in payloads:
        writer.append(payload)
    whole = file_path(folder, 1).read_bytes()
    for _ in range(200):
        start, size = random.randrange(len(whole)), random.randrange(1, 400)
        damaged = whole[:start] + os.urandom(size) + whole[start + size :]
        file_path(folder, 1).write_bytes(damaged)
        found, damages = read_log(folder)
        is_hit = [payload for payload in payloads if payload not in found]
        assert [payload for payload in payloads if payload not in is_hit] == found
        assert sum(damage.size for damage in damages) <= size + 2 * 212


def test_a_cut_tail_waits_while_the_writer_lives_and_is_damage_afterwards(
    folder: Path, writer: LogWriter
) -> None:
    end = writer.append(b"whole")
    writer.append(b"cut")
    os.truncate(file_path(folder, 1), end.offset + 13)
    assert read_log(folder, may_grow=True) == ([b"whole"], [])
    assert read_log(folder) == ([b"whole"], [Damage(end, 13, is_cut=True)])


def test_a_cut_tail_is_damage_once_there_is_another_file(folder: Path, writer: LogWriter) -> None:
    end = writer.append(b"whole")
    writer.append(b"cut")
    os.truncate(file_path(folder, 1), end.offset + 13)
    LogWriter(folder).append(b"next")
    assert read_log(folder, may_grow=True) == ([b"whole", b"next"], [Damage(end, 13, is_cut=True)])


@pytest.mark.parametrize("size", [1, 3, 4, 11, 12, 14])
def test_a_cut_tail_is_told_from_other_bytes(folder: Path, writer: LogWriter, size: int) -> None:
    end = writer.append(b"whole")
    writer.append(b"cut")
    whole = file_path(folder, 1).read_bytes()
    file_path(folder, 1).write_bytes(whole[: end.offset + size])
    assert read_log(folder)[1] == [Damage(end, size, is_cut=True)]
    file_path(folder, 1).write_bytes(whole[: end.offset] + b"\0" * size)
    assert read_log(folder)[1] == [Damage(end, size, is_cut=False)]


def test_a_place_behind_the_end_of_a_file_is_passed_over(folder: Path, writer: LogWriter) -> None:
    writer.append(b"lost with the machine")
    LogWriter(folder).append(b"next")
    assert read_log(folder, Place(1, 5_000)) == ([b"next"], [])


def test_the_disk_is_full_at_any_byte_and_goes_on_later(folder: Path) -> None:
    """In a process of its own, because the limit is of the process."""
    program = f"""
import os, resource, sys
from pathlib import Path
from runstream.spool.log_writer import LogWriter
writer = LogWriter(Path({str(folder)!r}))
writer.append(b"first")
size = writer.end.offset
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for room in range(41):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
    try:
        writer.append(b"x" * 28)
    except OSError as error:
        assert os.stat({str(file_path(folder, 1))!r}).st_size == size == writer.end.offset
    else:
        assert room == 40, room
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
writer.append(b"later")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert read_log(folder) == ([b"first", b"x" * 28, b"later"], [])


def test_a_folder_that_somebody_removed_is_an_error_and_no_silence(
    folder: Path, writer: LogWriter
) -> None:
    writer.append(b"a")
    file_path(folder, 1).unlink()
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        writer.append(b"b")


@pytest.mark.parametrize("mode", [0o555, 0o777])
def test_a_read_only_folder_is_an_error(
    folder: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so that it becomes somebody else for a moment."""
    folder.mkdir()
    folder.chmod(mode)
    folder.parent.chmod(0o755)
    monkeypatch.chdir(folder.parent)  # other users may not go through the folders above
    writer = LogWriter(Path(folder.name))
    user = os.geteuid()
    if user == 0:
        os.seteuid(STRANGER)
    try:
        with nullcontext() if mode == 0o777 else pytest.raises(PermissionError):
            writer.append(b"a")
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("attempt", range(6))
def test_a_killed_writer_leaves_all_that_it_appended(folder: Path, attempt: int) -> None:
    """It says each number only after it has appended it."""
    program = f"""
import os
from pathlib import Path
from runstream.spool.log_writer import LogWriter
writer = LogWriter(Path({str(folder)!r}))
number = 0
while True:
    writer.append(b"%d " % number + b"x" * (number * 7919 % 20_000))
    os.write(1, b"%d\\n" % number)
    number += 1
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = [process.stdout.readline()]
    time.sleep(random.uniform(0, 0.01 * attempt))
    process.send_signal(signal.SIGKILL)
    said += process.communicate()[0].splitlines()
    last = int(said[-1])
    payloads, damages = read_log(folder)
    numbers = [int(payload.split()[0]) for payload in payloads]
    assert numbers in (list(range(last + 1)), list(range(last + 2)))
    assert all(damage.is_cut for damage in damages), "it was killed in the middle of a write"


def test_a_forked_child_cannot_write_to_the_files_of_its_parent(
    folder: Path, writer: LogWriter
) -> None:
    writer.append(b"parent")
    child = os.fork()
    if child == 0:
        try:
            writer.append(b"child")
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.EBADF
    writer.append(b"still")
    assert read_log(folder) == ([b"parent", b"still"], [])


def test_appending_is_one_system_call_and_no_copy(
    writer: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    writev = os.writev

    def watch(descriptor: int, parts: tuple[bytes, bytes]) -> int:
        calls.append(parts)
        return writev(descriptor, parts)

    monkeypatch.setattr(os, "writev", watch)
    payload = b"x" * 1_000_000
    writer.append(payload)
    assert len(calls) == 1
    assert calls[0][1] is payload


def test_the_size_of_a_log_is_counted_from_a_place(folder: Path, writer: LogWriter) -> None:
    first = writer.append(b"a" * 88)
    writer.append(b"b" * 38)
    LogWriter(folder).append(b"c" * 8)
    assert log_files.count_bytes(folder) == 170
    assert log_files.count_bytes(folder, first) == 70
    assert log_files.count_bytes(folder / "none") == 0
    assert log_files.count_bytes(folder, Place(1, 2**64 - 1)) == 20, "the next file is there"


def test_what_is_no_file_is_no_log_and_nobody_waits_for_it(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "00000001.log")
    (folder / "00000002.log").mkdir()
    (folder / "secret").write_bytes(b"a")
    (folder / "00000003.log").symlink_to(folder / "secret")
    os.mkfifo(folder / "cursor")
    for number in (1, 2, 3):
        with pytest.raises(OSError, match=r"regular file|directory|symbolic links"):
            LogReader(folder, Place(number, 0)).next(may_grow=False)
    with pytest.raises(OSError, match="regular file"):
        read_cursor(folder)


def test_a_name_that_only_looks_like_a_number_is_no_file_of_a_log(folder: Path) -> None:
    folder.mkdir()
    (folder / "\N{FULLWIDTH DIGIT ONE}0000000.log").touch()
    assert list_files(folder) == []


@pytest.mark.parametrize("may_grow", [True, False])
def test_a_file_that_is_made_to_keep_readers_busy_is_given_up_in_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, may_grow: bool
) -> None:
    """Each of its headers says that megabytes follow, and each checksum over them is wrong."""
    summed = 0
    crc32 = zlib.crc32

    def count(data: bytes, value: int = 0) -> int:
        nonlocal summed
        summed += len(data)
        return crc32(data, value)

    monkeypatch.setattr("runstream.spool.frames.zlib.crc32", count)
    first = LogWriter(folder)
    first.append(b"first")
    header = struct.pack("<4sII", frames.MAGIC, 2 * 1024 * 1024, 0)
    fakes = header * (4 * 1024 * 1024 // len(header))
    with file_path(folder, 1).open("ab") as file:
        file.write(fakes)
    LogWriter(folder).append(b"next")
    assert read_log(folder, may_grow=may_grow) == (
        [b"first", b"next"],
        [Damage(Place(1, 17), len(fakes))],
    )
    assert summed < 200 * 1024 * 1024


def test_a_sync_while_another_thread_closes_the_file_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter(tmp_path / "batches", is_synced=True)
    writer.append(b"1")
    sync = os.fdatasync

    def close_before(descriptor: int) -> None:
        writer.close()
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", close_before)
    writer.sync()
    assert read_log(tmp_path / "batches") == ([b"1"], [])


def test_a_sync_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LogWriter(tmp_path / "batches", is_synced=True)
    writer.append(b"1")

    def fail_to_sync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail_to_sync)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        writer.sync()
