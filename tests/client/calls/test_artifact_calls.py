"""Artifacts through the client: files, folders, texts, pictures and tables."""

from __future__ import annotations

import os
import re
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import plotly.graph_objects
import pytest
from matplotlib.figure import Figure
from PIL import Image

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


def test_texts_and_dictionaries_come_back(client: TrackingClient, run_id: str) -> None:
    client.log_text(run_id, "grüße\n", "notes/hello.txt")
    assert client.load_text(run_id, "notes/hello.txt") == "grüße\n"
    client.log_dict(run_id, {"b": [1, 2.5], "a": {"é": None}}, "config.json")
    assert client.load_dict(run_id, "config.json") == {"b": [1, 2.5], "a": {"é": None}}
    client.log_dict(run_id, {"n": np.float64(0.5), "a": np.arange(2)}, "numpy")
    assert client.load_dict(run_id, "numpy") == {"n": 0.5, "a": [0, 1]}
    client.log_dict(run_id, {"lr": 0.1}, "config.yaml")
    assert client.load_text(run_id, "config.yaml") == "lr: 0.1\n"
    assert client.load_dict(run_id, "config.yaml") == {"lr": 0.1}


class Kind(str, Enum):
    SGD = "sgd"


@pytest.mark.parametrize("file", ["config.json", "config.yaml"])
def test_a_dictionary_takes_the_same_values_in_yaml_as_in_json(
    client: TrackingClient, run_id: str, file: str
) -> None:
    given = {
        "scalar": np.float32(0.5),
        "array": np.array([[1, 2]]),
        "tuple": (1, np.int64(2)),
        "ordered": OrderedDict(b=1, a=None),
        "path": Path("a/b"),
        "date": datetime(2026, 1, 2, tzinfo=timezone.utc),
        "kind": Kind.SGD,
        "flag": np.bool_(True),
    }
    client.log_dict(run_id, given, file)
    stored = client.load_dict(run_id, file)
    assert str(stored.pop("date")) == "2026-01-02 00:00:00+00:00"
    assert stored == {
        "scalar": 0.5,
        "array": [[1, 2]],
        "tuple": [1, 2],
        "ordered": {"b": 1, "a": None},
        "path": "a/b",
        "kind": "sgd",
        "flag": True,
    }
    client.log_dict(run_id, [{"a": 1}], file)
    assert client.load_dict(run_id, file) == [{"a": 1}]
    circle: dict[str, Any] = {}
    circle["self"] = circle
    bad: list[Any] = [circle, {"text": "\ud800"}, {(1, 2): 3}]  # YAML can hold them
    for dictionary in bad:
        with pytest.raises(InvalidArgument, match="dictionary"):
            client.log_dict(run_id, dictionary, "config")
    with pytest.raises(InvalidArgument, match="lone surrogate"):
        client.log_text(run_id, "\ud800", "text.txt")


def test_figures_are_pictures_in_the_format_of_their_suffix(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    figure = Figure()
    figure.add_subplot().plot([1, 2, 3])
    client.log_figure(run_id, figure, "loss.png")
    client.log_figure(run_id, figure, "loss.svg")
    with Image.open(client.download_artifacts(run_id, "loss.png", tmp_path)) as image:
        assert image.size == (640, 480)
    assert "<svg" in client.load_text(run_id, "loss.svg")
    client.log_figure(run_id, figure, "small.png", save_kwargs={"dpi": 50})
    with Image.open(client.download_artifacts(run_id, "small.png", tmp_path)) as image:
        assert image.size == (320, 240)
    with pytest.raises(InvalidArgument, match="Matplotlib or Plotly"):
        client.log_figure(run_id, "no figure", "x.png")


def test_a_figure_of_plotly_brings_its_script_along(client: TrackingClient, run_id: str) -> None:
    figure = plotly.graph_objects.Figure(plotly.graph_objects.Scatter(y=[1, 2]))
    client.log_figure(run_id, figure, "plot.html")
    page = client.load_text(run_id, "plot.html")
    assert len(page) > 1_000_000
    assert "<script src=" not in page
    client.log_figure(run_id, figure, "small.html", save_kwargs={"include_plotlyjs": "cdn"})
    assert len(client.load_text(run_id, "small.html")) < 100_000


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((2, 3), 0.5), 127),
        (np.full((2, 3), 200), 200),
        (np.ones((2, 3), bool), 255),
        (np.full((2, 3, 1), 7, np.uint8), 7),
        (np.full((2, 3, 3), 9), (9, 9, 9)),
        (np.full((2, 3, 4), 0.0), (0, 0, 0, 0)),
        (Image.new("L", (3, 2), 5), 5),
    ],
)
def test_images_come_back_pixel_by_pixel(
    client: TrackingClient, run_id: str, tmp_path: Path, array: Any, pixel: Any
) -> None:
    client.log_image(run_id, array, "image.png")
    with Image.open(client.download_artifacts(run_id, "image.png", tmp_path)) as image:
        assert (image.size, image.getpixel((0, 0))) == ((3, 2), pixel)


@pytest.mark.parametrize(
    ("array", "pixels"),
    [
        (np.array([[0.0, 1.0001]]), [0, 255]),
        (np.array([[0.0, 100.0, 200.0]]), [0, 127, 255]),
        (np.array([[-1.0, 1.0]]), [0, 255]),
        (np.full((1, 2), 200.0), [255, 255]),
    ],
)
def test_numbers_beyond_0_to_1_are_scaled_to_it_with_a_warning(
    client: TrackingClient, run_id: str, tmp_path: Path, array: Any, pixels: list[int]
) -> None:
    with pytest.warns(RuntimeWarning, match="scaled to 0 to 1"):
        client.log_image(run_id, array, "image.png")
    with Image.open(client.download_artifacts(run_id, "image.png", tmp_path)) as image:
        assert [image.getpixel((i, 0)) for i in range(len(pixels))] == pixels


def test_an_image_of_a_series_is_named_by_key_and_step(client: TrackingClient, run_id: str) -> None:
    client.log_image(run_id, np.zeros((2, 2)), key="val/grid", step=7, timestamp=12)
    (path,) = paths(client, run_id)
    assert path.startswith("images/val#grid%step%7%timestamp%12%")
    assert path.endswith(".png")


@pytest.mark.parametrize(
    "image", [np.zeros(3), np.zeros((2, 2, 2)), np.full((2, 2), 256), np.full((2, 2), np.nan), "x"]
)
def test_what_is_no_image_is_refused(client: TrackingClient, run_id: str, image: Any) -> None:
    with pytest.raises(InvalidArgument, match="image"):
        client.log_image(run_id, image, "image.png")
    with pytest.raises(InvalidArgument, match="either"):
        client.log_image(run_id, np.zeros((2, 2)))


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


def test_the_fluent_functions_use_the_active_run(client: TrackingClient, tmp_path: Path) -> None:
    """R6."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "f.txt").write_text("file")
    with runstream.start_run() as run:
        runstream.log_artifact(folder / "f.txt")
        runstream.log_artifacts(folder, "all")
        runstream.log_text("t", "t.txt")
        runstream.log_dict({"a": 1}, "d.json")
        runstream.log_figure(Figure(), "fig.png")
        runstream.log_image(np.zeros((2, 2)), "i.png")
        runstream.log_table({"a": [1]}, "table.json")
        root = f"mlflow-artifacts:/0/{run.info.run_id}/artifacts"
        assert runstream.get_artifact_uri() == root
        assert runstream.get_artifact_uri("a/b.txt") == f"{root}/a/b.txt"
        assert len(runstream.list_artifacts()) == 7
        assert runstream.load_text("t.txt") == "t"
    run_id = run.info.run_id
    assert runstream.load_dict("d.json", run_id) == {"a": 1}
    assert runstream.load_text(f"runs:/{run_id}/all/f.txt") == "file"
    assert runstream.load_table("table.json", run_id)["a"].tolist() == [1]
    local = runstream.download_artifacts("t.txt", run_id, dst_path=tmp_path / "copy")
    assert Path(local).read_text() == "t"
    runstream.delete_artifacts("all", run_id)
    assert [f.path for f in runstream.list_artifacts("all", run_id)] == []
    with pytest.raises(InvalidArgument, match="names run"):
        runstream.load_text(f"runs:/{run_id}/t.txt", "0" * 32)
    assert client.get_run(run_id).info.status == "FINISHED"
