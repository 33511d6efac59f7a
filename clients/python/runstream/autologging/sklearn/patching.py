"""What is replaced in scikit-learn.

Methods are replaced in the class that defines them, which may be a mixin, so that every estimator
has them, those of users too. An estimator of another library, such as XGBoost's, is left to the
autologging of that library.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Generator
from types import ModuleType
from typing import Any

from runstream.autologging import evaluation
from runstream.autologging.library import Library
from runstream.autologging.sklearn.fitting import log_fit
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import Training, current_training, is_off, within

# Methods that train.
_TRAINING = ("fit", "fit_transform", "fit_predict")

# Packages whose estimators have an autologging of their own.
_OTHERS = ("xgboost", "lightgbm", "catboost", "skorch", "keras")


def _patch_base(module: ModuleType) -> None:
    """Patch the estimators that are there, and see to those that will be."""
    makers = _class_makers(module)
    for owner in makers:
        _watch_subclasses(owner, makers)
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
    if not any(base.__name__ == "BaseEstimator" for base in estimator_class.__mro__):
        return  # a mixin
    if any(base.__module__.partition(".")[0] in _OTHERS for base in estimator_class.__mro__):
        return
    for owner, name in evaluation.own_methods(estimator_class, _TRAINING):
        LIBRARY.wrap_training(owner, name, _log_fit)
    evaluation.observe_models(LIBRARY, estimator_class)


def _log_fit(training: Training[SklearnSettings]) -> Generator[None, Any, None]:
    yield from log_fit(training)
    if training.settings.log_post_training_metrics:
        evaluation.remember(LIBRARY, training)


def _all_subclasses(base: Any) -> set[type]:
    found: set[type] = {base}
    for subclass in base.__subclasses__():
        found |= _all_subclasses(subclass)
    return found


def _patch_metrics(module: ModuleType) -> None:
    evaluation.observe_metrics(LIBRARY, module)


def _patch_joblib(module: ModuleType) -> None:
    LIBRARY.wrap(module.Parallel, "__call__", _call_parallel)


def _call_parallel(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Let what a training calls in other threads be part of it, too."""
    training, off = current_training(), is_off()
    backend = getattr(args[0], "_backend", None) if args else None
    is_shared = getattr(backend, "supports_sharedmem", False)
    if not is_shared or len(args) != 2 or (training is None and not off):
        return function(*args, **kwargs)
    tasks = (
        (functools.partial(_call_within, training, off, task), task_args, task_kwargs)
        for task, task_args, task_kwargs in args[1]
    )
    return function(args[0], tasks, **kwargs)


def _call_within(training: Any, off: bool, task: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    with within(training, off):
        return task(*args, **kw)


LIBRARY = Library(
    "sklearn",
    SklearnSettings,
    {
        "sklearn.base": _patch_base,
        "sklearn.metrics": _patch_metrics,
        "joblib.parallel": _patch_joblib,
    },
)
