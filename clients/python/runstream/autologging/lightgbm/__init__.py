"""Autologging of LightGBM: `lightgbm.train`, and the estimators, which call it.

`model` has the files of a model.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runstream.autologging import boosting, evaluation
from runstream.autologging.library import Library
from runstream.autologging.lightgbm.model import lightgbm_flavor, write_model
from runstream.autologging.settings import Settings
from runstream.autologging.signatures import sample_rows
from runstream.autologging.training import Training

if TYPE_CHECKING:
    from runstream.integrations.lightgbm import EvaluationCallback

# Arguments of `train` that are no params.
_UNLOGGED = frozenset({"params", "train_set", "valid_sets", "valid_names", "feval", "init_model"})
_UNLOGGED |= {"callbacks"}


@dataclass(frozen=True)
class LightgbmSettings(Settings):
    """The settings of LightGBM."""


def _log_train(training: Training[LightgbmSettings]) -> Generator[None, Any, None]:
    from runstream.integrations.lightgbm import EvaluationCallback

    boosting.log_call_params(training, training.argument("params") or {}, _UNLOGGED)
    if training.outer is None and training.settings.log_datasets:
        training.attempt(_log_datasets, training)
    callback = boosting.add_callback(training, EvaluationCallback)
    sample = training.attempt(sample_rows, training.argument("train_set").data)
    booster = yield
    if training.outer is None:
        _log_model(training, booster, sample)
    training.attempt(_log_early_stop, training, callback, booster)
    for kind in ("split", "gain"):
        training.attempt(_log_importances, training, kind, booster)


def _log_fit(training: Training[LightgbmSettings]) -> Generator[None, Any, None]:
    """Log what `train`, which `fit` calls, does not know of."""
    boosting.log_estimator(training)
    training.attempt(boosting.log_fit_datasets, training, "valid_{}")
    sample = training.attempt(sample_rows, training.argument("X"))
    estimator = yield
    _log_model(training, estimator, sample)


def _log_model(training: Training[LightgbmSettings], model: Any, sample: Any) -> None:
    flavor, write = lightgbm_flavor(model), partial(write_model, model)
    boosting.log_model(training, flavor, write, sample, model.predict)


def _log_early_stop(training: Training[Any], callback: EvaluationCallback, booster: Any) -> None:
    best = booster.best_iteration  # it is counted from 1 on; less if it cannot stop early
    if best <= 0:
        return
    history = dict(enumerate(callback.history, callback.first_iteration))
    stopped = callback.first_iteration + len(history)
    metrics = {"best_iteration": best, "stopped_iteration": stopped}
    boosting.log_early_stop(training, metrics, history.get(best - 1, {}), stopped)


def _log_importances(training: Training[Any], kind: str, booster: Any) -> None:
    values = booster.feature_importance(importance_type=kind).tolist()
    importances = dict(zip(booster.feature_name(), values, strict=True))
    boosting.log_importances(training, kind, importances)


def _log_datasets(training: Training[Any]) -> None:
    train = training.argument("train_set")
    boosting.log_dataset(training, train.data, train.label, "train")
    sets, names = training.argument("valid_sets") or (), training.argument("valid_names") or ()
    for i, dataset in enumerate(sets if isinstance(sets, (list, tuple)) else [sets]):
        name = names[i] if i < len(names) else f"valid_{i}"
        boosting.log_dataset(training, dataset.data, dataset.label, "eval", name)


def _patch_train(module: ModuleType) -> None:
    LIBRARY.wrap_training(module, "train", _log_train, joins=True)


def _patch_estimators(module: ModuleType) -> None:
    _patch_train(module)
    boosting.patch_estimators(LIBRARY, module, module.LGBMModel, _log_fit)


def _patch_metrics(module: ModuleType) -> None:
    evaluation.observe_metrics(LIBRARY, module)


LIBRARY = Library(
    "lightgbm",
    LightgbmSettings,
    {
        "lightgbm": _patch_train,
        "lightgbm.sklearn": _patch_estimators,
        "sklearn.metrics": _patch_metrics,
    },
)
