"""The files of a model of LightGBM.

A booster is stored in the library's own format. There is none for an estimator, which is a pickle.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from runstream.autologging.sklearn.model import read_estimator, write_estimator
from runstream.models.model_files import Flavor, find_version
from runstream.models.stored_model import StoredModel

_BOOSTER = "lightgbm.basic.Booster"
_BOOSTER_FILE = "model.lgb"
_ESTIMATOR_FILE = "model.pkl"


def lightgbm_flavor(model: Any) -> Flavor:
    """Return how a booster or an estimator is stored."""
    kind = f"{type(model).__module__}.{type(model).__name__}"
    options = {"lgb_version": find_version("lightgbm"), "data": _BOOSTER_FILE, "model_class": kind}
    if kind != _BOOSTER:
        options |= {"data": _ESTIMATOR_FILE, "serialization_format": "pickle"}
    return Flavor(
        name="lightgbm",
        packages=["lightgbm", "scikit-learn", "numpy", "scipy"],
        options=options,
        loader_module="mlflow.lightgbm",
        loader_options={"data": options["data"]},
    )


def write_model(model: Any, folder: Path) -> None:
    """Write a booster or an estimator into a folder."""
    if lightgbm_flavor(model).options["model_class"] == _BOOSTER:
        model.save_model(folder / _BOOSTER_FILE)
    else:
        write_estimator(model, "pickle", folder)


def read_model(stored: StoredModel, skops_trusted_types: Collection[str] | None) -> Any:
    """Return the booster or the estimator that was stored; a pickle runs code that it names."""
    import lightgbm

    if stored.text("model_class", _BOOSTER) == _BOOSTER:
        return lightgbm.Booster(model_file=stored.path("data"))
    return read_estimator(stored, "data", skops_trusted_types)
