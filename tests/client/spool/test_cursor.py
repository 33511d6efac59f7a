"""The cursor of a log: what of it is answered."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from runstream.spool.cursor import CURSOR_NAME, Cursor, read_cursor
from runstream.spool.folder import OwnFolder, create_folder
from runstream.spool.log_files import Place, file_path, list_files
from runstream.spool.log_writer import LogWriter


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
