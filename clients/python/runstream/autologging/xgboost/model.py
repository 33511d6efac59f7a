"""The files of a model of XGBoost: one in the library's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runstream.errors import InvalidArgument
from runstream.models.model_files import Flavor, find_version
from runstream.models.stored_model import StoredModel

FORMATS = ("ubj", "json", "xgb")


def check_format(model_format: str) -> None:
    """Raise InvalidArgument unless models can be stored in this format."""
    if model_format not in FORMATS:
        raise InvalidArgument(
            f"Invalid value {model_format!r} for parameter 'model_format' supplied: "
            f"it must be one of {', '.join(FORMATS)}",
            reason="MODEL_FORMAT_UNKNOWN",
            field="model_format",
            value=model_format,
            limit=", ".join(FORMATS),
        )


def xgboost_flavor(model: Any, model_format: str) -> Flavor:
    """Return how a booster or an estimator is stored."""
    kind = type(model)
    data = f"model.{model_format}"
    return Flavor(
        name="xgboost",
        packages=["xgboost", "xgboost-cpu", "scikit-learn", "numpy"],
        options={
            "xgb_version": find_version("xgboost") or find_version("xgboost-cpu"),
            "data": data,
            "model_class": f"{kind.__module__}.{kind.__name__}",
            "model_format": model_format,
        },
        loader_module="mlflow.xgboost",
        loader_options={"data": data},
    )


def write_model(model: Any, model_format: str, folder: Path) -> None:
    """Write a booster or an estimator into a folder."""
    model.save_model(folder / f"model.{model_format}")


def read_model(stored: StoredModel) -> Any:
    """Return the booster or the estimator that was stored."""
    import xgboost

    module, _, name = stored.text("model_class", "xgboost.core.Booster").rpartition(".")
    kind = getattr(xgboost, name, None) if module.partition(".")[0] == "xgboost" else None
    if not isinstance(kind, type) or not issubclass(kind, (xgboost.Booster, xgboost.XGBModel)):
        raise InvalidArgument(
            f"the model is of the class {module}.{name}, which is no model of XGBoost",
            reason="MODEL_CLASS_UNKNOWN",
            field="model_uri",
            value=f"{module}.{name}",
            limit="a class of xgboost",
        )
    model = kind()
    model.load_model(stored.path("data"))
    return model
