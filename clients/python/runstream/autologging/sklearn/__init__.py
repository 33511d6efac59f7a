"""Autologging of scikit-learn: `fit`, `fit_transform` and `fit_predict` of every estimator."""

from __future__ import annotations

import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any

from runstream.autologging.library import Library
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import Training

#: Methods that train.
TRAINING_METHODS = ("fit", "fit_transform", "fit_predict")


def _log_fit(training: Training[SklearnSettings]) -> Generator[None, Any, None]:
    estimator = training.instance
    training.run.set_tags(
        {
            "estimator_name": type(estimator).__name__,
            "estimator_class": f"{type(estimator).__module__}.{type(estimator).__name__}",
        }
    )
    training.run.log_params(estimator.get_params(deep=True))
    yield


def _patch(module: ModuleType) -> None:
    """Patch the estimators that are there, and see to those that will be."""
    for owner in _class_makers(module):
        _watch_subclasses(owner, _class_makers(module))
    for estimator_class in _all_subclasses(module.BaseEstimator):
        _patch_class(estimator_class)


def _class_makers(module: ModuleType) -> list[type]:
    """Return the classes of scikit-learn that do something to each new class of estimators."""
    set_output = sys.modules.get("sklearn.utils._set_output")
    return [module.BaseEstimator, *([set_output._SetOutputMixin] if set_output else [])]


def _watch_subclasses(owner: type, makers: list[type]) -> None:
    """Patch each new subclass of a class, once its last maker has done what it does to it."""
    original = vars(owner).get("__init_subclass__")

    def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:  # noqa: N807
        if original is not None:
            original.__get__(None, cls)(**kwargs)
        else:
            super(owner, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
        if owner is next(base for base in cls.__mro__ if base in makers):
            LIBRARY.guard().attempt(_patch_class, cls)

    LIBRARY.replace(owner, "__init_subclass__", classmethod(__init_subclass__))


def _patch_class(estimator_class: type) -> None:
    for owner in estimator_class.__mro__:
        for name in TRAINING_METHODS:
            method = vars(owner).get(name)
            if hasattr(method, "fn"):  # of `available_if`, which finds out who has the method
                LIBRARY.wrap_training(method, "fn", _log_fit)
            elif callable(method):
                LIBRARY.wrap_training(owner, name, _log_fit)


def _all_subclasses(base: Any) -> set[type]:
    found: set[type] = {base}
    for subclass in base.__subclasses__():
        found |= _all_subclasses(subclass)
    return found


LIBRARY = Library("sklearn", SklearnSettings, {"sklearn.base": _patch})
