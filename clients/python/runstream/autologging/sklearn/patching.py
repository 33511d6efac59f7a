"""What is replaced in scikit-learn.

Methods are replaced in the class that defines them, which may be a mixin, so that every estimator
has them, those of users too. An estimator of another library, such as XGBoost's, is left to the
autologging of that library.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from runstream.autologging.library import Library
from runstream.autologging.sklearn import evaluation
from runstream.autologging.sklearn.fitting import log_fit
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import current_training, is_off, within

# Methods that train.
_TRAINING = ("fit", "fit_transform", "fit_predict")

# Methods whose results metrics are computed from.
_PREDICTING = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")

# Functions of `sklearn.model_selection` that fit many models, none of which a program gets.
_VALIDATING = (
    "cross_validate",
    "cross_val_predict",
    "cross_val_score",
    "learning_curve",
    "permutation_test_score",
    "validation_curve",
)

# What `sklearn.metrics` has besides metrics.
_NO_METRICS = ("check_scoring", "get_scorer", "get_scorer_names", "make_scorer")

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
    for owner, name in _own_methods(estimator_class, _TRAINING):
        LIBRARY.wrap_training(owner, name, log_fit)
    for owner, name in _own_methods(estimator_class, _PREDICTING):
        LIBRARY.wrap(owner, name, _observe(evaluation.note_prediction))
    for owner, name in _own_methods(estimator_class, ("score",)):
        LIBRARY.wrap(owner, name, _observe(evaluation.log_score))


def _own_methods(estimator_class: type, names: Iterable[str]) -> Iterator[tuple[Any, str]]:
    """Yield where the methods of a class and its bases are, as owners and names of attributes."""
    for owner in estimator_class.__mro__:
        for name in names:
            method = vars(owner).get(name)
            if hasattr(method, "check") and hasattr(method, "fn"):
                yield method, "fn"  # `available_if` decides who has it, and calls this function
            elif inspect.isfunction(method):
                yield owner, name


def _all_subclasses(base: Any) -> set[type]:
    found: set[type] = {base}
    for subclass in base.__subclasses__():
        found |= _all_subclasses(subclass)
    return found


def _patch_model_selection(module: ModuleType) -> None:
    for name in _VALIDATING:
        LIBRARY.wrap(module, name, _without_logging)


def _without_logging(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    if LIBRARY.settings is None:
        return function(*args, **kwargs)
    with within(current_training(), is_off=True):
        return function(*args, **kwargs)


def _patch_metrics(module: ModuleType) -> None:
    for name in module.__all__:
        metric = getattr(module, name)
        if inspect.isfunction(metric) and name not in _NO_METRICS:
            LIBRARY.wrap(module, name, _observe(evaluation.log_metric))
    scorers = sys.modules.get("sklearn.metrics._scorer")
    if scorers is not None:
        LIBRARY.wrap(scorers._BaseScorer, "__call__", _observe(evaluation.log_scorer))


def _observe(note: evaluation.Note) -> Callable[..., Any]:
    """Return what calls a function, and lets its result be noted if that is asked for.

    What the function calls in turn is part of it.
    """

    def around(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        settings = LIBRARY.settings
        if (
            settings is None
            or not settings.log_post_training_metrics
            or is_off()
            or current_training() is not None
            or not evaluation.has_models()
        ):
            return function(*args, **kwargs)
        with within(None, is_off=True):
            result = function(*args, **kwargs)
        LIBRARY.guard().attempt(note, settings, function, args, kwargs, result)
        return result

    return around


def _patch_joblib(module: ModuleType) -> None:
    LIBRARY.wrap(module.Parallel, "__call__", _call_parallel)


def _call_parallel(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Let what a training or a validation calls in other threads be part of it, too."""
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
        "sklearn.model_selection": _patch_model_selection,
        "sklearn.metrics": _patch_metrics,
        "joblib.parallel": _patch_joblib,
    },
)
