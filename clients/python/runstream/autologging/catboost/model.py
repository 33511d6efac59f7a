"""The files of a model of CatBoost: one in the library's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runstream.errors import InvalidArgument
from runstream.models.model_files import Flavor, find_version
from runstream.models.stored_model import StoredModel

_FILE = "model.cb"
_FORMAT = "cbm"


def catboost_flavor(model: Any) -> Flavor:
    """Return how a model is stored."""
    return Flavor(
        name="catboost",
        packages=["catboost", "numpy"],
        options={
            "catboost_version": find_version("catboost"),
            "data": _FILE,
            "model_type": type(model).__name__,
            "save_format": _FORMAT,
        },
        loader_module="mlflow.catboost",
        loader_options={"data": _FILE},
    )


def write_model(model: Any, folder: Path) -> None:
    """Write a model into a folder."""
    model.save_model(str(folder / _FILE), format=_FORMAT)


def read_model(stored: StoredModel) -> Any:
    """Return the model that was stored."""
    import catboost

    name = stored.text("model_type", "CatBoost")
    kind = getattr(catboost, name, None)
    if not isinstance(kind, type) or not issubclass(kind, catboost.CatBoost):
        raise InvalidArgument(
            f"the model is of the class {name}, which is no model of CatBoost",
            reason="MODEL_CLASS_UNKNOWN",
            field="model_uri",
            value=name,
            limit="a class of catboost",
        )
    model = kind()
    model.load_model(str(stored.path("data")), stored.text("save_format", _FORMAT))
    return model
