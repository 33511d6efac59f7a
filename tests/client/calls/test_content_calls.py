"""Texts, dictionaries, figures and images are logged as files and come back as they were."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import bokeh.plotting
import numpy as np
import plotly.graph_objects
import pytest
from matplotlib.figure import Figure
from PIL import Image

from runstream import InvalidArgument, TrackingClient
from support.server_process import ServerProcess


@pytest.fixture
def client(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    with TrackingClient(server.uri) as client:
        yield client


def paths(client: TrackingClient, run_id: str) -> list[str]:
    return [file.path for file in client.list_artifacts(run_id, recursive=True)]


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


def test_a_figure_of_bokeh_brings_its_script_along(client: TrackingClient, run_id: str) -> None:
    figure = bokeh.plotting.figure(title="Bokeh's")
    figure.line([1, 2], [3, 4])
    client.log_figure(run_id, figure, "plot.html")
    page = client.load_text(run_id, "plot.html")
    assert len(page) > 500_000
    assert "<script src=" not in page
    with pytest.raises(InvalidArgument, match="of Bokeh for a file of HTML"):
        client.log_figure(run_id, figure, "plot.png")


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


@pytest.mark.parametrize(
    "image", [np.zeros(3), np.zeros((2, 2, 2)), np.full((2, 2), 256), np.full((2, 2), np.nan), "x"]
)
def test_what_is_no_image_is_refused(client: TrackingClient, run_id: str, image: Any) -> None:
    with pytest.raises(InvalidArgument, match="image"):
        client.log_image(run_id, image, "image.png")
    with pytest.raises(InvalidArgument, match="either"):
        client.log_image(run_id, np.zeros((2, 2)))


def test_swapped_arguments_are_named(client: TrackingClient, run_id: str) -> None:
    swapped: Any = {"a": 1}
    sentence = (
        "Invalid value {'a': 1} for parameter 'artifact_file' supplied: it must be a path, "
        "such as 'notes/a.txt', not dict; it comes after what is logged"
    )
    for log in (client.log_text, client.log_dict):
        with pytest.raises(InvalidArgument) as error:
            log(run_id, "x.txt", swapped)
        assert str(error.value) == sentence
    with pytest.raises(InvalidArgument) as error:
        client.log_text(run_id, swapped, "x.txt")
    assert str(error.value) == (
        "Invalid value {'a': 1} for parameter 'text' supplied: it must be a text, not dict"
    )
