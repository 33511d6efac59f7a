"""Sound, histograms, and series of files over steps (K8)."""

from __future__ import annotations

import json
import wave
from io import BytesIO
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pandas
import plotly
import pytest
from matplotlib.figure import Figure

from runstream import InvalidArgument, TrackingClient
from runstream.files.media_serialization import serialize_audio, serialize_histogram
from runstream.files.series_paths import parse_series_path


def test_series_of_each_kind_are_listed_by_key_and_step(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    """K8."""
    sound = tmp_path / "s.mp3"
    sound.write_bytes(b"sound")
    for step in (10, 2):
        at: dict[str, Any] = {"key": "val/grid", "step": step, "timestamp": 12}
        client.log_image(run_id, np.zeros((2, 2)), **at)
        client.log_figure(run_id, Figure(), **at)
        client.log_figure(run_id, plotly.graph_objects.Figure(), **at | {"key": "p"})
        client.log_table(run_id, {"a": [step]}, **at)
        client.log_audio(run_id, np.zeros(8), sample_rate=8000, **at)
        client.log_histogram(run_id, [1.0, step], **at)
    client.log_audio(run_id, sound, key="voice")
    client.log_image(run_id, np.zeros((2, 2)), "images/other.png")
    assert client.get_run(run_id).data.tags["mlflow.loggedImages"] == "True"
    suffixes = {"images": ".png", "tables": ".json", "audio": ".wav", "histograms": ".json"}
    for folder, suffix in suffixes.items():
        found = client.list_series(run_id, folder, "val/grid")
        assert [(file.key, file.step, file.timestamp) for file in found] == [
            ("val/grid", 2, 12),
            ("val/grid", 10, 12),
        ]
        assert found[0].path.startswith(f"{folder}/val~grid+step+2+timestamp+12+")
        assert {Path(file.path).suffix for file in found} == {suffix}
    figures = client.list_series(run_id, "figures")
    assert [(file.key, file.step, Path(file.path).suffix) for file in figures] == [
        ("p", 2, ".html"),
        ("p", 10, ".html"),
        ("val/grid", 2, ".png"),
        ("val/grid", 10, ".png"),
    ]
    table = client.list_series(run_id, "tables")[0]
    assert client.load_table("0", table.path, [run_id])["a"].tolist() == [2]
    (voice,) = client.list_series(run_id, "audio", "voice")
    assert Path(client.download_artifacts(run_id, voice.path, tmp_path)).read_bytes() == b"sound"
    assert voice.path.endswith(".mp3")
    assert client.list_series(run_id, "images", "other") == []


def test_two_files_of_one_step_are_both_kept(client: TrackingClient, run_id: str) -> None:
    """K8."""
    for _ in range(2):
        client.log_image(run_id, np.zeros((2, 2)), key="dogs", step=1, timestamp=1)
    assert len(client.list_series(run_id, "images")) == 2


def test_names_of_mlflow_are_read() -> None:
    """K8."""
    uuid = "0af76519-0000-4000-8000-16cd43dd8448"
    new = f"images/a~b+step+3+timestamp+4+{uuid}.png"
    old = f"images/a#b%step%-3%timestamp%4%{uuid}.png"
    strange = f"images/a+step+1+step+3+timestamp+4+{uuid}.png"
    assert parse_series_path(new) == ("a/b", 3, 4, new)
    assert parse_series_path(old) == ("a/b", -3, 4, old)
    assert parse_series_path(strange) == ("a+step+1", 3, 4, strange)
    assert parse_series_path(f"images/a~b+step+3+timestamp+4+{uuid}+compressed.webp") is None
    assert parse_series_path("images/dog.png") is None


def test_what_is_wrong_about_a_series_is_said_and_nothing_is_uploaded(
    client: TrackingClient, run_id: str
) -> None:
    """K8."""
    image = np.zeros((2, 2))
    bad: list[tuple[dict[str, Any], str]] = [
        ({}, "either artifact_file or key"),
        ({"artifact_file": "a.png", "key": "a"}, "either artifact_file or key"),
        ({"key": "a", "step": 1.5}, "step"),
        ({"key": "a", "timestamp": "now"}, "timestamp"),
        ({"key": "a", "timestamp": -1}, "timestamp"),
        ({"key": "a\n"}, "key"),
        ({"key": "a" * 240}, "255 bytes"),
    ]
    for arguments, words in bad:
        with pytest.raises(InvalidArgument, match=words):
            client.log_image(run_id, image, **arguments)
    with pytest.raises(InvalidArgument, match="images, figures, audio, tables, histograms"):
        client.list_series(run_id, "pictures")
    assert client.list_artifacts(run_id) == []


@pytest.mark.parametrize(
    ("samples", "channels", "width"),
    [
        (np.zeros(100), 1, 2),
        (np.zeros((100, 2), np.float32), 2, 2),
        (np.zeros((2, 100), np.float16), 2, 2),
        (np.zeros(100, np.int16), 1, 2),
        (np.zeros(100, np.uint8), 1, 1),
        (np.zeros(100, ">i4"), 1, 4),
    ],
)
def test_arrays_are_sounds_of_wav(samples: Any, channels: int, width: int) -> None:
    """K8."""
    with wave.open(BytesIO(serialize_audio(samples, 16_000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (
            channels,
            width,
            16_000,
        )
        assert file.getnframes() == 100


def test_samples_come_back_and_loud_ones_are_scaled_with_a_warning() -> None:
    with wave.open(BytesIO(serialize_audio(np.array([0, 0.5, -1, 1]), 8000))) as file:
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, -32767, 32767]
    with pytest.warns(RuntimeWarning, match="up to 2"):
        content = serialize_audio(np.array([0, 1.0, -2.0]), 8000)
    with wave.open(BytesIO(content)) as file:
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [0, 16384, -32767]


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(8), None, "sample_rate"),
        (np.zeros(8), 0, "sample_rate"),
        (np.zeros((50, 50)), 8000, "channels"),
        (np.zeros((2, 2, 2)), 8000, "shape"),
        (np.array([np.nan]), 8000, "NaN"),
        (np.zeros(8, np.int64), 8000, "int64"),
        (["a"], 8000, "audio"),
    ],
)
def test_what_is_no_sound_is_refused(samples: Any, rate: Any, words: str) -> None:
    """K8."""
    with pytest.raises(InvalidArgument, match=words):
        serialize_audio(samples, rate)


def test_a_histogram_counts_all_values_and_tells_those_that_are_not_finite() -> None:
    """K8."""
    found = json.loads(serialize_histogram([[0, 1, 2], [4, np.nan, np.inf]], 4))
    assert found == {"edges": [0, 1, 2, 3, 4], "counts": [1, 1, 1, 1], "not_finite": 2}
    edges = json.loads(serialize_histogram(np.arange(4, dtype=np.int8), [0, 2, 4]))
    assert edges["counts"] == [2, 2]
    values = np.array([0.5, 0.5], ml_dtypes.bfloat16)
    assert sum(json.loads(serialize_histogram(values, 8))["counts"]) == 2
    assert json.loads(serialize_histogram(pandas.Series([1, 2]), 1))["counts"] == [2]
    assert json.loads(serialize_histogram([], 2))["counts"] == [0, 0]


@pytest.mark.parametrize(
    ("values", "bins"), [(["a"], 4), ([1.0], 0), ([1.0], 10**6), ([1.0], [2, 1]), ([1.0], "x")]
)
def test_what_is_no_histogram_is_refused(values: Any, bins: Any) -> None:
    """K8."""
    with pytest.raises(InvalidArgument):
        serialize_histogram(values, bins)
