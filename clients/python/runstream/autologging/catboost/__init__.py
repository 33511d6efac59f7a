"""Autologging of CatBoost: the method `fit` of its models, which `catboost.train` calls, too.

`model` has the files of a model.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runstream.autologging import boosting, evaluation
from runstream.autologging.catboost.model import catboost_flavor, write_model
from runstream.autologging.library import Library
from runstream.autologging.settings import Settings
from runstream.autologging.signatures import sample_rows
from runstream.autologging.training import Training

if TYPE_CHECKING:
    from runstream.integrations.catboost import EvaluationCallback

# Arguments of `fit` that are params of the training.
_PARAMS = ("use_best_model", "metric_period", "early_stopping_rounds")


@dataclass(frozen=True)
class CatboostSettings(Settings):
    """The settings of CatBoost."""


def _log_fit(training: Training[CatboostSettings]) -> Generator[None, Any, None]:
    from runstream.integrations.catboost import EvaluationCallback

    model = training.instance
    boosting.log_estimator(training)
    arguments = {name: training.argument(name) for name in _PARAMS}
    params = model.get_params() | {k: v for k, v in arguments.items() if v is not None}
    training.log_params({k: v for k, v in params.items() if k != "callbacks"})
    training.attempt(_log_datasets, training)
    if params.get("task_type") == "GPU":  # where CatBoost takes no callback
        callback = EvaluationCallback(partial(boosting.log_metrics, training))
    else:
        callback = boosting.add_callback(training, EvaluationCallback)
    sample = training.attempt(sample_rows, training.argument("X"))
    yield
    flavor, write = catboost_flavor(model), partial(write_model, model)
    boosting.log_model(training, flavor, write, sample, model.predict)
    training.attempt(_log_early_stop, training, callback, model)
    training.attempt(_log_importances, training, model)
    training.attempt(_log_chosen_params, training, model, params)


def _log_chosen_params(training: Training[Any], model: Any, params: Mapping[str, Any]) -> None:
    """Log the params that CatBoost has chosen of its own, such as a learning rate."""
    chosen = model.get_all_params()
    training.log_params({key: chosen[key] for key in chosen.keys() - params.keys()})


def _log_early_stop(training: Training[Any], callback: EvaluationCallback, model: Any) -> None:
    if not callback.history:  # it was not called
        callback.log_all(model.get_evals_result())
    best = model.get_best_iteration()
    if best is None:  # there is no evaluation set
        return
    stopped = max(callback.history, default=best)
    metrics = {"best_iteration": best, "stopped_iteration": stopped}
    boosting.log_early_stop(training, metrics, callback.history.get(best, {}), stopped + 1)


def _log_importances(training: Training[Any], model: Any) -> None:
    values = model.feature_importances_
    if values is not None and len(values):  # of a ranking there are none without its data
        importances = dict(zip(model.feature_names_, map(float, values), strict=True))
        boosting.log_importances(training, "prediction_values_change", importances)


def _log_datasets(training: Training[Any]) -> None:
    if not training.settings.log_datasets:
        return
    data, targets = training.argument("X"), training.argument("y")
    boosting.log_dataset(training, *_content(data, targets), "train")
    sets = training.argument("eval_set")
    for i, item in enumerate(sets if isinstance(sets, list) else [sets]):
        features, targets = item if isinstance(item, tuple) else (item, None)
        name = "validation" if not isinstance(sets, list) or len(sets) == 1 else f"validation_{i}"
        boosting.log_dataset(training, *_content(features, targets), "eval", name)


def _content(data: Any, targets: Any) -> tuple[Any, Any]:
    """Return features and targets; of a pool, if all its features are numbers."""
    if not hasattr(data, "get_features"):
        return data, targets
    if (
        data.get_cat_feature_indices()
        or data.get_text_feature_indices()
        or data.get_embedding_feature_indices()
    ):
        return None, None
    return data.get_features(), data.get_label()


def _patch(module: ModuleType) -> None:
    boosting.patch_estimators(LIBRARY, module, module.CatBoost, _log_fit)


def _patch_metrics(module: ModuleType) -> None:
    evaluation.observe_metrics(LIBRARY, module)


LIBRARY = Library(
    "catboost", CatboostSettings, {"catboost.core": _patch, "sklearn.metrics": _patch_metrics}
)
