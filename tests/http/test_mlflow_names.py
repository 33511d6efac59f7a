"""The Python API has the names of MLflow's, and their arguments in the same places."""

from __future__ import annotations

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import runstream
from runstream import TrackingClient
from runstream.fluent import artifact_functions

ROOT = Path(__file__).parents[2]

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
print(json.dumps([parameters(place) for place in (mlflow, mlflow.MlflowClient, mlflow.artifacts)]))
"""

# What Runstream has nothing for. They come last, but where the text says so.
ABSENT = {
    "dataset",  # of a metric
    "dataset_digest",
    "dataset_name",
    "log_system_metrics",
    "model",  # logged models are read and written by MLflow's clients alone
    "model_id",  # of methods of the client, which has log_model_metrics
    "models",
    "page_token",  # searches of the client ask for page after page by themselves
    "registry_uri",
    "trace_location",
}


@pytest.fixture(scope="module")
def mlflow() -> list[dict[str, list[tuple[str, bool]]]]:
    python = ROOT / ".venv-mlflow/3/bin/python"
    printed = subprocess.run([python, "-c", PROGRAM], capture_output=True, text=True, check=True)
    return [
        {name: [(key, kind) for key, kind in given] for name, given in place.items()}
        for place in json.loads(printed.stdout.splitlines()[-1])
    ]


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
        wanted = [(key, kind) for key, kind in theirs if key not in ABSENT or (key, kind) in ours]
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
