"""A fitted estimator as files: a pickle, which MLflow's `load_model` reads, too."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from runstream.models.model_files import Flavor, find_version

_FILE = "model.pkl"

# What an estimator of scikit-learn cannot be read without.
_PACKAGES = ("scikit-learn", "numpy", "scipy", "joblib")


def sklearn_flavor(estimator: Any) -> Flavor:
    """Return how an estimator is stored."""
    predict = {"predict_fn": "predict"} if hasattr(estimator, "predict") else {}
    return Flavor(
        name="sklearn",
        packages=_PACKAGES,
        options={
            "pickled_model": _FILE,
            "serialization_format": "pickle",
            "sklearn_version": find_version("scikit-learn"),
            "code": None,
        },
        loader_module="mlflow.sklearn" if predict else "",
        loader_options={"model_path": _FILE, **predict},
    )


def write_estimator(estimator: Any, folder: Path) -> None:
    """Write an estimator into a folder."""
    with (folder / _FILE).open("wb") as file:
        pickle.dump(estimator, file, protocol=pickle.HIGHEST_PROTOCOL)


def read_estimator(folder: Path, file: str = _FILE) -> Any:
    """Read an estimator from a folder; this runs code that the file names."""
    with (folder / file).open("rb") as opened:
        return pickle.load(opened)  # noqa: S301 - whoever loads a model trusts it
