"""Autologging of XGBoost: `xgboost.train`, and the estimators, which call it.

`model` has the files of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runstream.autologging import boosting, evaluation
from runstream.autologging.library import Library
from runstream.autologging.settings import Settings
from runstream.autologging.signatures import sample_rows
from runstream.autologging.training import Training
from runstream.autologging.xgboost.model import write_model, xgboost_flavor

if TYPE_CHECKING:
    from runstream.integrations.xgboost import EvaluationCallback

#: Values of a DMatrix up to which it is recorded as an input: its content has to be copied for it.
MAX_VALUES = 50_000_000

# Attribute of a DMatrix with the first rows of its data.
_SAMPLE = "_runstream_sample"

# Arguments of `train` that are no params.
_UNLOGGED = frozenset({"params", "dtrain", "evals", "obj", "feval", "evals_result", "xgb_model"})
_UNLOGGED |= {"callbacks", "custom_metric"}


@dataclass(frozen=True)
class XgboostSettings(Settings):
    """The settings of XGBoost.

    Attributes:
        importance_types: the kinds of importance of features that are stored.
        model_format: the format in which a model is stored.
    """

    importance_types: Sequence[str] = ("weight", "gain")
    model_format: str = "ubj"


def _log_train(training: Training[XgboostSettings]) -> Generator[None, Any, None]:
    from runstream.integrations.xgboost import EvaluationCallback

    boosting.log_call_params(training, training.argument("params") or {}, _UNLOGGED)
    if training.outer is None and training.settings.log_datasets:
        training.attempt(_log_datasets, training)
    callback = boosting.add_callback(training, EvaluationCallback)
    booster = yield
    if training.outer is None:
        sample = getattr(training.argument("dtrain"), _SAMPLE, None)
        _log_model(training, booster, sample, partial(_predict, booster))
    training.attempt(_log_early_stop, training, callback, booster)
    for kind in training.settings.importance_types:
        training.attempt(_log_importances, training, kind, booster)


def _log_fit(training: Training[XgboostSettings]) -> Generator[None, Any, None]:
    """Log what `train`, which `fit` calls, does not know of."""
    boosting.log_estimator(training)
    training.attempt(boosting.log_fit_datasets, training, "validation_{}")
    sample = training.attempt(sample_rows, training.argument("X"))
    estimator = yield
    _log_model(training, estimator, sample, estimator.predict)


def _log_model(
    training: Training[XgboostSettings], model: Any, sample: Any, predict: Callable[[Any], Any]
) -> None:
    model_format = training.settings.model_format
    flavor, write = xgboost_flavor(model, model_format), partial(write_model, model, model_format)
    boosting.log_model(training, flavor, write, sample, predict)


def _predict(booster: Any, sample: Any) -> Any:
    from xgboost import DMatrix

    return booster.predict(DMatrix(sample))


def _log_early_stop(training: Training[Any], callback: EvaluationCallback, booster: Any) -> None:
    if booster.attr("best_iteration") is None:  # it cannot stop early
        return
    first, best = callback.first_iteration or 0, int(booster.attr("best_iteration"))
    metrics = {
        "best_iteration": best,
        "best_score": float(booster.attr("best_score")),
        "stopped_iteration": first + len(callback.history) - 1,
    }
    # It is one of an earlier training if this one was not better.
    history = dict(enumerate(callback.history, first))
    boosting.log_early_stop(training, metrics, history.get(best, {}), first + len(history))


def _log_importances(training: Training[Any], kind: str, booster: Any) -> None:
    from xgboost.core import XGBoostError

    try:
        importances = booster.get_score(importance_type=kind)
    except XGBoostError:
        if kind != "weight":  # linear models have weights alone
            return
        raise
    boosting.log_importances(training, kind, importances)


def _log_datasets(training: Training[Any]) -> None:
    evals = [(matrix, "eval", name) for matrix, name in training.argument("evals") or ()]
    for matrix, context, name in [(training.argument("dtrain"), "train", None), *evals]:
        if matrix.num_nonmissing() <= MAX_VALUES:
            data, label = matrix.get_data(), matrix.get_label()
            boosting.log_dataset(training, data, label, context, name)


def _keep_sample(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Keep the first rows of a DMatrix, which does not give its data back as it was."""
    result = function(*args, **kwargs)
    if LIBRARY.settings is not None and args:
        data = kwargs["data"] if "data" in kwargs else args[1] if len(args) > 1 else None
        sample = LIBRARY.guard().attempt(sample_rows, data)
        setattr(args[0], _SAMPLE, sample)
    return result


def _patch_matrices(module: ModuleType) -> None:
    LIBRARY.wrap(module.DMatrix, "__init__", _keep_sample)
    LIBRARY.wrap(module.QuantileDMatrix, "__init__", _keep_sample)


def _patch_train(module: ModuleType) -> None:
    LIBRARY.wrap_training(module, "train", _log_train, joins=True)


def _patch_estimators(module: ModuleType) -> None:
    _patch_train(module)
    boosting.patch_estimators(LIBRARY, module, module.XGBModel, _log_fit)


def _patch_metrics(module: ModuleType) -> None:
    evaluation.observe_metrics(LIBRARY, module)


LIBRARY = Library(
    "xgboost",
    XgboostSettings,
    {
        "xgboost": _patch_train,
        "xgboost.core": _patch_matrices,
        "xgboost.sklearn": _patch_estimators,
        "sklearn.metrics": _patch_metrics,
    },
)
