"""The files of a model of Keras: one in the library's own format, below `data` as MLflow's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runstream.models.model_files import Flavor, find_version
from runstream.models.stored_model import StoredModel

_FOLDER = "data"
_FILE = "model.keras"


def keras_flavor() -> Flavor:
    """Return how a model is stored."""
    import keras

    return Flavor(
        name="keras",
        packages=["keras", keras.backend.backend(), "numpy"],
        options={
            "keras_version": find_version("keras"),
            "keras_backend": keras.backend.backend(),
            "data": _FOLDER,
            "save_exported_model": False,
        },
        loader_module="mlflow.keras",
    )


def keras_signature(model: Any) -> Mapping[str, Any] | None:
    """Return the columns that a model takes and gives, as `MLmodel` has them.

    None if it takes several inputs, or is not built.
    """
    signature: dict[str, Any] = {"params": None}
    for side, dtype in (("input", model.input_dtype), ("output", model.compute_dtype)):
        shape = getattr(model, f"{side}_shape", None)
        if not isinstance(shape, tuple) or not shape:
            return None
        sizes = [-1 if size is None else size for size in shape]
        tensor = {"type": "tensor", "tensor-spec": {"dtype": str(dtype), "shape": sizes}}
        signature[f"{side}s"] = json.dumps([tensor])
    return signature


def write_model(model: Any, folder: Path) -> None:
    """Write a model into a folder."""
    (folder / _FOLDER).mkdir()
    model.save(folder / _FOLDER / _FILE)


def read_model(stored: StoredModel, custom_objects: Mapping[str, Any] | None) -> Any:
    """Return the model that was stored.

    Args:
        stored: its files.
        custom_objects: classes and functions of the program that it has, by name.
    """
    import keras

    file = stored.path("data", _FOLDER) / _FILE
    return keras.saving.load_model(file, custom_objects=custom_objects)
