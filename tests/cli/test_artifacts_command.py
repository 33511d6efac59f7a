"""`runstream artifacts` against a real server."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from support.shell import Shell


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, and another in a folder of it."""
    folder = tmp_path / "model"
    (folder / "weights").mkdir(parents=True)
    (folder / "card.md").write_text("A model.\n")
    (folder / "weights" / "w.bin").write_bytes(bytes(range(256)) * 8)
    return folder


def test_a_file_is_uploaded_listed_and_downloaded(
    shell: Shell, run_id: str, folder: Path, tmp_path: Path
) -> None:
    card = folder / "card.md"
    said = shell.output("artifacts", "upload", run_id, str(card), "--artifact-path", "cards")
    assert said.startswith(f"Uploaded {card} to mlflow-artifacts:/0/{run_id}/artifacts/cards")
    (listed,) = shell.json("artifacts", "list", run_id, "cards")
    assert (listed["path"], listed["is_dir"], listed["file_size"]) == ("cards/card.md", False, 9)
    assert listed["sha256"] == hashlib.sha256(card.read_bytes()).hexdigest()
    local = shell.output(
        "artifacts", "download", run_id, "cards/card.md", "-d", str(tmp_path / "a")
    )
    assert Path(local.strip()).read_text() == "A model.\n"
    assert Path(local.strip()).is_relative_to(tmp_path / "a")


def test_a_folder_is_uploaded_and_downloaded_with_what_is_below(
    shell: Shell, run_id: str, folder: Path, tmp_path: Path
) -> None:
    shell.output("artifacts", "upload", run_id, str(folder))
    assert [row[:2] for row in shell.rows("artifacts", "list", run_id)[1:]] == [
        ["card.md", "9 B"],
        ["weights/"],
    ]
    recursive = shell.rows("artifacts", "list", run_id, "--recursive")
    assert [row[:2] for row in recursive[1:]] == [["card.md", "9 B"], ["weights/w.bin", "2.0 KiB"]]
    target = tmp_path / "all"
    shell.json("artifacts", "download", run_id, "--dst-path", str(target))
    copies = {path.name: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert copies == {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_status_says_what_is_wrong(shell: Shell, run_id: str, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert nowhere in shell.refusal(2, "artifacts", "upload", run_id, nowhere)
    assert "f" * 32 in shell.refusal(3, "artifacts", "list", "f" * 32)
    download = ("artifacts", "download", run_id)
    assert "absent" in shell.refusal(3, *download, "absent", "-d", str(tmp_path))
    assert ".." in shell.refusal(2, *download, "../../secret", "-d", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
