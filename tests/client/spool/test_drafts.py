"""Folders that were being made or removed when their process was killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runstream.spool import file_locks
from runstream.spool.drafts import remove_drafts
from runstream.spool.folder import create_folder
from support.folder_processes import kill, start_process


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
