"""A fitted estimator as files: a pickle, or a file of skops; MLflow's `load_model` reads both."""

from __future__ import annotations

import pickle
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any

from runstream.errors import FailedPrecondition, InvalidArgument, shorten
from runstream.files.optional_libraries import import_optional
from runstream.models.model_files import Flavor, find_version
from runstream.models.stored_model import StoredModel

# By format the file that is written.
_FILES = {"pickle": "model.pkl", "skops": "model.skops"}

# Those that are read; the first is that of models which do not say it.
_FORMATS = ("pickle", "cloudpickle", "skops")

# What an estimator of scikit-learn cannot be read without.
_PACKAGES = ("scikit-learn", "numpy", "scipy", "joblib")


def check_format(serialization_format: str) -> None:
    """Raise an error unless estimators can be stored in this format.

    Raises:
        InvalidArgument: it is neither `pickle` nor `skops`.
        ModuleNotFoundError: it is `skops`, which is not installed.
    """
    if serialization_format not in _FILES:
        raise InvalidArgument(
            f"Invalid value {shorten(repr(serialization_format))} for parameter "
            f"'serialization_format' supplied: it must be one of {', '.join(_FILES)}",
            reason="MODEL_FORMAT_UNKNOWN",
            field="serialization_format",
            value=serialization_format,
            limit=", ".join(_FILES),
        )
    if serialization_format == "skops":
        _import_skops("serialization_format='skops'")


def sklearn_flavor(
    estimator: Any,
    serialization_format: str = "pickle",
    skops_trusted_types: Collection[str] | None = None,
) -> Flavor:
    """Return how an estimator is stored.

    Args:
        estimator: the estimator.
        serialization_format: `pickle` or `skops`.
        skops_trusted_types: what MLflow may make of a file of skops.
    """
    predict = {"predict_fn": "predict"} if hasattr(estimator, "predict") else {}
    file = _FILES[serialization_format]
    options: dict[str, Any] = {
        "pickled_model": file,
        "serialization_format": serialization_format,
        "sklearn_version": find_version("scikit-learn"),
        "code": None,
    }
    if serialization_format == "skops":
        options["skops_trusted_types"] = sorted(skops_trusted_types or ())
    return Flavor(
        name="sklearn",
        packages=[*_PACKAGES, *(["skops"] if serialization_format == "skops" else [])],
        options=options,
        loader_module="mlflow.sklearn" if predict else "",
        loader_options={"model_path": file, **predict},
    )


def write_estimator(estimator: Any, serialization_format: str, folder: Path) -> None:
    """Write an estimator into a folder."""
    file = folder / _FILES[serialization_format]
    if serialization_format == "skops":
        _import_skops("serialization_format='skops'").dump(estimator, file)
        return
    with file.open("wb") as opened:
        pickle.dump(estimator, opened, protocol=pickle.HIGHEST_PROTOCOL)


def read_estimator(
    stored: StoredModel,
    option: str = "pickled_model",
    skops_trusted_types: Collection[str] | None = None,
) -> Any:
    """Read an estimator; a pickle runs code that it names, a file of skops none.

    Args:
        stored: its files.
        option: which names the file.
        skops_trusted_types: what may be made of a file of skops, besides what skops trusts.

    Raises:
        FailedPrecondition: other types are in a file of skops.
    """
    file = stored.path(option, _FILES["pickle"])
    if stored.format(_FORMATS) == "skops":
        return _read_skops(file, skops_trusted_types or ())
    with file.open("rb") as opened:
        return pickle.load(opened)  # noqa: S301 - whoever loads a model trusts it


def _import_skops(purpose: str) -> Any:
    import_optional("skops", purpose)
    return import_module("skops.io")


def _read_skops(file: Path, trusted: Collection[str]) -> Any:
    skops = _import_skops("load_model of a model in the format of skops")
    # The types that its MLmodel calls trusted are not: whoever made the model wrote them.
    untrusted = set(skops.get_untrusted_types(file=file))
    if refused := sorted(untrusted - set(trusted)):
        names = shorten(", ".join(map(repr, refused)))
        raise FailedPrecondition(
            f"the model has types that skops does not trust: {names}. If you do, give "
            "skops_trusted_types=[...] with them",
            reason="MODEL_UNTRUSTED",
            field="skops_trusted_types",
            value=names,
        )
    return skops.load(file, trusted=sorted(untrusted))
