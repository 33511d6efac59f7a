"""Files that nobody else can have put where they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream.files.own_files import (
    ForeignFileError,
    check_own,
    make_own_folder,
    open_lock,
    open_own,
)
from support.other_users import OBSTACLES, STRANGER, as_root, make_file_of_stranger


@pytest.mark.parametrize("put", OBSTACLES)
def test_what_is_no_file_is_not_opened_and_stays_as_it_is(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    path = tmp_path / "there"
    put(path)
    before = {each.name for each in tmp_path.iterdir()}
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_APPEND):
        with pytest.raises(ForeignFileError, match=f"{path} is a .*, and not a file"):
            open_own(path, flags)
    assert {each.name for each in tmp_path.iterdir()} == before
    target = path.with_name("target")
    assert not target.exists() or target.read_bytes() == b"precious"


@as_root
def test_what_belongs_to_somebody_else_is_not_opened(shared_folder: Path) -> None:
    path = shared_folder / "there"
    make_file_of_stranger(path, b"of a stranger")
    with pytest.raises(
        ForeignFileError, match=rf"{path} belongs to another user \(uid {STRANGER}\)"
    ):
        open_own(path, os.O_RDWR | os.O_CREAT)
    assert path.read_bytes() == b"of a stranger"
    folder = shared_folder / "folder"
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    with pytest.raises(ForeignFileError):
        make_own_folder(folder)


def test_what_is_made_is_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        os.close(open_own(tmp_path / "file", os.O_RDWR | os.O_CREAT))
        make_own_folder(tmp_path / "above" / "folder")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"file": 0o600, "above": 0o700, "folder": 0o700}
    assert check_own(tmp_path / "file")
    assert check_own(tmp_path / "above", stat.S_IFDIR)
    assert not check_own(tmp_path / "missing")
    make_own_folder(tmp_path / "above")


def test_a_lock_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    lock.chmod(0o666)
    os.close(open_lock(lock))
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
