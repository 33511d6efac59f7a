"""The Python API has the names of MLflow's, and their arguments in the same places."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

import runstream
from runstream import TrackingClient
from runstream.fluent import artifact_functions

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/mlflow-names.md"

# Prints the parameters of MLflow's functions and methods.
PROGRAM = """
import inspect, json, warnings
warnings.simplefilter("ignore")
import mlflow, mlflow.artifacts
def parameters(place):
    return {
        name: [
            [given.name, given.kind == given.KEYWORD_ONLY]
            for given in inspect.signature(one).parameters.values()
        ]
        for name in dir(place)
        if not name.startswith("_") and inspect.isfunction(one := getattr(place, name))
    }
def names(place):
    return [name for name in dir(place) if not name.startswith("_")]
print(json.dumps({
    "parameters": [parameters(one) for one in (mlflow, mlflow.MlflowClient, mlflow.artifacts)],
    "names": names(mlflow) + [f"MlflowClient.{name}" for name in names(mlflow.MlflowClient)],
}))
"""

# The names that are not there, and the arguments, by the document.
NAMES, ARGUMENTS = (
    [
        name
        for row in re.findall(r"^\| (`.*?) \|", part, re.M)
        for name in re.findall("`(.+?)`", row)
    ]
    for part in DOCUMENT.read_text().split("\n## ")
)

PUBLIC = {
    *runstream.__all__,
    *("autolog", *runstream._FRAMEWORKS),  # which are imported when they are first used
    *(f"MlflowClient.{name}" for name in dir(TrackingClient) if not name.startswith("_")),
}


@pytest.fixture(scope="module")
def installed() -> Any:
    python = ROOT / ".venv-mlflow/3/bin/python"
    printed = subprocess.run([python, "-c", PROGRAM], capture_output=True, text=True, check=True)
    return json.loads(printed.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def mlflow(installed: Any) -> list[dict[str, list[tuple[str, bool]]]]:
    return [
        {name: [(key, kind) for key, kind in given] for name, given in place.items()}
        for place in installed["parameters"]
    ]


def test_every_name_of_mlflow_is_there_or_the_document_says_why_not(installed: Any) -> None:
    explained = {
        name: [one for one in NAMES if fnmatchcase(name, one)] for name in installed["names"]
    }
    ours = PUBLIC & set(installed["names"])
    unexplained = {name for name, reasons in explained.items() if not reasons}
    assert unexplained - ours == set()
    # Nor does the document speak of names that are there, or that MLflow has not.
    assert {name for name in ours if explained[name]} == set()
    assert set(NAMES) - {one for reasons in explained.values() for one in reasons} == set()


@pytest.mark.parametrize(
    ("index", "place"), [(0, runstream), (1, TrackingClient), (2, artifact_functions)], ids=str
)
def test_what_has_a_name_of_mlflow_takes_the_arguments_of_mlflow_in_the_same_places(
    mlflow: list[dict[str, list[tuple[str, bool]]]], index: int, place: Any
) -> None:
    shared = {
        name: theirs
        for name, theirs in mlflow[index].items()
        if inspect.isfunction(getattr(place, name, None))
    }
    assert len(shared) > (25 if index < 2 else 3)
    differing = {}
    for name, theirs in shared.items():
        given = inspect.signature(getattr(place, name)).parameters.values()
        ours = [(one.name, one.kind is one.KEYWORD_ONLY) for one in given]
        wanted = [
            (key, kind) for key, kind in theirs if key not in ARGUMENTS or (key, kind) in ours
        ]
        if ours[: len(wanted)] != wanted:
            differing[name] = (ours, wanted)
    assert differing == {}


def test_other_names_of_mlflow_are_there_or_say_what_to_use() -> None:
    assert runstream.__version__ == "0.1.0"
    assert runstream.exceptions.RunstreamError is runstream.RunstreamError
    with pytest.raises(ImportError, match="use TrackingClient"):
        exec("from runstream import MlflowClient")
    with pytest.raises(AttributeError, match="has no attribute 'evaluate'"):
        runstream.evaluate  # type: ignore[attr-defined] # noqa: B018
