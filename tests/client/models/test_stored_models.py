"""What comes in the folder of a model is checked before it is used, and reads nothing outside."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

import runstream
from runstream.errors import InvalidArgument, NotFound, RunstreamError
from runstream.models.stored_model import read_description


class Trap:
    """Whoever unpickles it makes a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def _describe(folder: Path, **options: object) -> None:
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": options}}))


def test_a_model_reads_no_file_outside_of_its_folder(folder: Path, tmp_path: Path) -> None:
    trap, made = tmp_path / "outside.pkl", tmp_path / "made"
    trap.write_bytes(pickle.dumps(Trap(made)))
    for name in ("../outside.pkl", str(trap), "sub/../../outside.pkl", ""):
        _describe(folder, pickled_model=name)
        with pytest.raises(InvalidArgument, match="must be the path of a file in the folder"):
            runstream.sklearn.load_model(folder)
    assert not made.exists()


@pytest.mark.parametrize("option", ["data", "model_data", "pickled_model", "model_binary"])
def test_each_option_that_names_a_file_is_checked(folder: Path, option: str) -> None:
    _describe(folder, **{option: "../x"})
    with pytest.raises(InvalidArgument) as refused:
        read_description(folder, "sklearn", folder).path(option)
    assert refused.value.metadata["field"] == option


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid value None for flavors"),
        ("[]", "Invalid value list for flavors"),
        ("5", "Invalid value 5 for flavors"),
        ("{}", "Invalid value None for flavors"),
        (":::", "for flavors in the file MLmodel of the model: it must be a mapping"),
        ("a: [", "is no YAML"),
        ("\x00", "is no YAML"),
        ("1" * 5000, "is no YAML"),
        ("[" * 5000, "is no YAML"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        ('{"flavors": []}', "Invalid value list for flavors"),
        ('{"flavors": {}}', "is one of no framework, not of sklearn"),
        ('{"flavors": {"sklearn": null}}', "Invalid value None for flavors.sklearn"),
        ('{"flavors": {"sklearn": {"pickled_model": 5}}}', "for pickled_model .* be a text"),
        (
            '{"flavors": {"sklearn": {"pickled_model": "MLmodel", "serialization_format": "x"}}}',
            "Invalid value 'x' for serialization_format .* pickle, cloudpickle, skops",
        ),
    ],
)
def test_a_description_that_is_malformed_is_said_to_be(folder: Path, text: str, said: str) -> None:
    (folder / "MLmodel").write_text(text)
    with pytest.raises(InvalidArgument, match=said) as refused:
        runstream.sklearn.load_model(folder)
    assert refused.value.reason in ("MODEL_MALFORMED", "MODEL_OF_OTHER_FRAMEWORK")
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("name", ["missing.pkl", "a\0b", "x" * 300])
def test_a_file_that_is_not_there_is_named(folder: Path, name: str) -> None:
    _describe(folder, pickled_model=name)
    with pytest.raises(NotFound, match="which its MLmodel names"):
        runstream.sklearn.load_model(folder)


def test_skops_that_is_not_installed_is_named_before_there_is_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(ModuleNotFoundError, match="pip install skops"):
        runstream.sklearn.log_model(object(), serialization_format="skops")
    assert runstream.active_run() is None


def test_a_format_that_is_not_known_is_refused() -> None:
    for call in (
        lambda: runstream.sklearn.log_model(object(), serialization_format="dill"),
        lambda: runstream.sklearn.autolog(serialization_format="dill"),
    ):
        with pytest.raises(RunstreamError, match="must be one of pickle, skops"):
            call()
    assert runstream.active_run() is None
