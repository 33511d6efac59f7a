"""Files and folders go up and come down whole, and what is neither is refused by its name."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from matplotlib.figure import Figure

import runstream
from runstream import FailedPrecondition, InvalidArgument, NotFound, TrackingClient
from support.server_process import ServerProcess

BAD_PATHS = ["../x", "a/../x", "/x", "a//x", "./x", "a\\x", "a\0x", "x" * 256, "\ud800"]


@pytest.fixture
def client(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    with TrackingClient(server.uri) as client:
        yield client


def paths(client: TrackingClient, run_id: str) -> list[str]:
    return [file.path for file in client.list_artifacts(run_id, recursive=True)]


def test_a_file_goes_up_and_comes_back(client: TrackingClient, run_id: str, tmp_path: Path) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(os.urandom(3_000_000))
    client.log_artifact(run_id, source)
    client.log_artifact(run_id, str(source), "models/best")
    assert paths(client, run_id) == ["model.bin", "models/best/model.bin"]
    local = client.download_artifacts(run_id, "models/best/model.bin", tmp_path / "copy")
    assert local == str(tmp_path / "copy/models/best/model.bin")
    assert Path(local).read_bytes() == source.read_bytes()
    assert [path.name for path in (tmp_path / "copy/models/best").iterdir()] == ["model.bin"]


def test_an_empty_file_is_a_file(client: TrackingClient, run_id: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    client.log_artifact(run_id, tmp_path / "empty")
    assert client.get_artifact(run_id, "empty").file_size == 0
    assert Path(client.download_artifacts(run_id, "empty", tmp_path)).read_bytes() == b""


def test_a_folder_goes_up_and_comes_back_whole(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    root = tmp_path / "plots"
    for i in range(200):
        file = root / f"group {i % 7}" / f"é{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content {i % 3}")
    (root / "nothing").mkdir()
    (root / "link.txt").symlink_to(root / "group 0" / "é0.txt")
    client.log_artifacts(run_id, root)
    client.log_artifact(run_id, root / "group 1", "copies")
    copy = Path(client.download_artifacts(run_id, dst_path=tmp_path / "copy"))
    wanted = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    found = {p.relative_to(copy): p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    copies = {p: found.pop(p) for p in list(found) if p.parts[0] == "copies"}
    assert found == wanted
    assert len(copies) == sum(path.parts[0] == "group 1" for path in wanted)
    part = client.download_artifacts(run_id, "group 2", tmp_path / "part")
    assert len(list(Path(part).iterdir())) == sum(path.parts[0] == "group 2" for path in wanted)


def test_a_link_that_leads_into_a_circle_is_refused(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/up").symlink_to(tmp_path)
    with pytest.raises(InvalidArgument, match="lies in"):
        client.log_artifacts(run_id, tmp_path)
    assert paths(client, run_id) == []


def test_a_download_without_a_destination_goes_to_a_folder_of_its_own(
    client: TrackingClient, run_id: str
) -> None:
    client.log_text(run_id, "hi", "a/b.txt")
    first = client.download_artifacts(run_id, "a/b.txt")
    second = client.download_artifacts(run_id, "a/b.txt")
    assert first != second
    assert Path(first).read_text() == "hi"


@pytest.mark.parametrize("path", BAD_PATHS)
def test_no_path_leaves_the_artifacts_of_the_run(
    client: TrackingClient, run_id: str, tmp_path: Path, path: str
) -> None:
    (tmp_path / "x").write_text("x")
    calls: list[Callable[[], object]] = [
        lambda: client.log_artifact(run_id, tmp_path / "x", path),
        lambda: client.log_artifacts(run_id, tmp_path, path),
        lambda: client.log_text(run_id, "x", path),
        lambda: client.log_dict(run_id, {}, path),
        lambda: client.log_figure(run_id, Figure(), path),
        lambda: client.log_image(run_id, np.zeros((1, 1)), path),
        lambda: client.log_table(run_id, {"a": [1]}, path),
        lambda: client.load_text(run_id, path),
        lambda: client.load_dict(run_id, path),
        lambda: client.load_table("0", path, [run_id]),
        lambda: client.get_artifact(run_id, path),
        lambda: client.list_artifacts(run_id, path),
        lambda: client.download_artifacts(run_id, path, tmp_path / "copy"),
        lambda: client.delete_artifacts(run_id, path),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument):
            call()
    assert paths(client, run_id) == []
    assert not (tmp_path / "copy").exists()


def test_files_are_listed_and_deleted(client: TrackingClient, run_id: str) -> None:
    for path in ("a.txt", "b/c.txt", "b/d/e.txt"):
        client.log_text(run_id, "12345", path)
    top = client.list_artifacts(run_id)
    assert [(file.path, file.is_dir, file.file_size) for file in top] == [
        ("a.txt", False, 5),
        ("b", True, None),
    ]
    assert [file.path for file in client.list_artifacts(run_id, "b")] == ["b/c.txt", "b/d"]
    assert client.list_artifacts(run_id, "none") == []
    client.delete_artifacts(run_id, "b/d")
    client.delete_artifacts(run_id, "a.txt")
    assert paths(client, run_id) == ["b/c.txt"]
    with pytest.raises(NotFound):
        client.delete_artifacts(run_id, "a.txt")
    with pytest.raises(NotFound):
        client.load_text(run_id, "a.txt")
    client.delete_artifacts(run_id)
    assert paths(client, run_id) == []


def test_the_path_of_a_file_lists_as_this_file(client: TrackingClient, run_id: str) -> None:
    client.log_text(run_id, "hi", "a/b.txt")
    client.log_text(run_id, "hi", "a/b.txt.old")
    assert [file.path for file in client.list_artifacts(run_id, "a/b.txt")] == ["a/b.txt"]


def test_a_file_and_a_folder_cannot_have_one_path(client: TrackingClient, run_id: str) -> None:
    client.log_text(run_id, "x", "a")
    with pytest.raises(FailedPrecondition):
        client.log_text(run_id, "x", "a/b")
    client.log_text(run_id, "y", "a")
    assert client.load_text(run_id, "a") == "y"


def test_paths_are_texts_or_objects_on_both_sides(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    (tmp_path / "f.txt").write_text("file")
    folder = PurePosixPath("a/b")
    client.log_artifact(run_id, tmp_path / "f.txt", folder)
    client.log_artifacts(run_id, tmp_path, Path())
    client.log_text(run_id, "t", folder / "t.txt")
    client.log_dict(run_id, {"a": 1}, folder / "d.yaml")
    client.log_figure(run_id, Figure(), folder / "fig.png")
    client.log_image(run_id, np.zeros((1, 1)), folder / "i.png")
    client.log_table(run_id, {"a": [1]}, folder / "table.json")
    assert len(client.list_artifacts(run_id, folder)) == 6
    assert [file.path for file in client.list_artifacts(run_id, Path())] == ["a", "f.txt"]
    assert client.get_artifact(run_id, folder).is_dir
    assert client.get_artifact_uri(run_id, folder).endswith("/artifacts/a/b")
    assert client.load_text(run_id, folder / "t.txt") == "t"
    assert client.load_dict(run_id, folder / "d.yaml") == {"a": 1}
    assert len(client.load_table("0", folder / "table.json", [run_id])) == 1
    local = client.download_artifacts(run_id, folder, str(tmp_path / "copy"))
    assert Path(local) == tmp_path / "copy/a/b"
    client.delete_artifacts(run_id, folder)
    assert paths(client, run_id) == ["f.txt"]
    with runstream.start_run(run_id):
        runstream.log_text("t", folder / "t.txt")
        runstream.log_artifact(tmp_path / "f.txt", folder)
        assert runstream.load_text(folder / "t.txt") == "t"
        assert len(runstream.list_artifacts(artifact_path=folder)) == 2
        runstream.download_artifacts(artifact_path=folder, dst_path=tmp_path / "more")
    assert (tmp_path / "more/a/b/t.txt").read_text() == "t"


@pytest.mark.parametrize("kind", ["a named pipe", "a socket", "a device"])
def test_what_is_no_regular_file_is_refused_by_name(
    client: TrackingClient, run_id: str, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    odd = folder / "odd"
    if kind == "a named pipe":
        os.mkfifo(odd)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(odd))
    else:
        odd.symlink_to("/dev/zero")
    text = re.escape(f"{odd} is {kind}, and not a regular file")
    calls: list[Callable[[], object]] = [
        lambda: client.log_artifacts(run_id, folder),
        lambda: client.log_artifact(run_id, folder),
        lambda: client.log_artifact(run_id, odd),
        lambda: runstream.data.from_file(odd),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument, match=text):
            call()
    assert paths(client, run_id) == []


def test_a_folder_is_no_file_and_a_file_no_folder(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument, match="is a folder, and not a regular file"):
        runstream.data.from_file(tmp_path)
    (tmp_path / "f.txt").write_text("file")
    with pytest.raises(NotADirectoryError, match=r"f\.txt"):
        client.log_artifacts(run_id, tmp_path / "f.txt")
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        client.log_artifact(run_id, tmp_path / "none.txt")
    client.log_text(run_id, "t", "a/t.txt")
    with pytest.raises(NotFound):
        client.load_text(run_id, "a")
