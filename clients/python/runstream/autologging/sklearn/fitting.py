"""What is logged of a call that trains an estimator."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from runstream.autologging.datasets import describe
from runstream.autologging.importance import log_importances
from runstream.autologging.signatures import describe_signature, sample_rows
from runstream.autologging.sklearn import figures, searches
from runstream.autologging.sklearn.fitted import Fitted
from runstream.autologging.sklearn.kept_state import kept_state
from runstream.autologging.sklearn.metrics import DOES_NOT_APPLY, training_metrics
from runstream.autologging.sklearn.model import sklearn_flavor, write_estimator
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import Training
from runstream.entities import Dataset
from runstream.models.model_logging import ModelDescription

SklearnTraining = Training[SklearnSettings]

# Params by which an estimator may write into the data that it is given.
_COPY_PARAMS = ("copy", "copy_X", "copy_x")


def log_fit(training: SklearnTraining) -> Generator[None, Any, None]:
    """Log a call of `fit`, `fit_transform` or `fit_predict`."""
    estimator = training.instance
    params = get_params(estimator)
    training.run.set_tags(describe_class(estimator), on_error="skip")
    training.log_params(params)
    fitted = _arguments(training, params)
    dataset = describe(fitted.features, fitted.targets) if training.settings.log_datasets else None
    if dataset is not None:
        training.log_dataset(dataset, "train")

    yield

    with kept_state(estimator):
        _log_fitted(training, fitted, params, dataset)


def _log_fitted(
    training: SklearnTraining,
    fitted: Fitted,
    params: Mapping[str, object],
    dataset: Dataset | None,
) -> None:
    """Log what there is after a training; a part that fails does not keep the others away."""
    attempt, estimator = training.attempt, fitted.estimator
    attempt(_log_model, training, fitted, params)
    training.log_metrics(attempt(training_metrics, fitted) or {}, dataset)
    if importances := attempt(_importances, fitted):
        attempt(log_importances, training, importances, "feature_importances", "importance")
    if _is_composed(estimator):
        training.defer(_log_diagram, training)
    if fitted.is_classifier:
        attempt(figures.log_figures, training, fitted)
    if searches.is_search(estimator):
        varied = estimator.estimator
        attempt(searches.log_search, training, dataset, get_params(varied), describe_class(varied))


def describe_class(estimator: Any) -> dict[str, str]:
    """Return the tags that name the class of an estimator."""
    kind = type(estimator)
    return {
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
    }


def get_params(estimator: Any) -> dict[str, object]:
    """Return the params of an estimator and of those within it, with long texts whole.

    Those of the estimator that a search varies are its starting point alone, and left out.
    """
    params = estimator.get_params(deep=not searches.is_search(estimator))
    return {key: _text(value) for key, value in params.items()}


def _text(value: Any) -> object:
    """Return a value as it is, or the text of what scikit-learn would print shortened."""
    if type(value) in (str, int, float, bool, type(None)):
        return value
    if hasattr(value, "get_params") and not isinstance(value, type):
        try:
            return value.__repr__(N_CHAR_MAX=math.inf)
        except TypeError:  # an estimator of another library
            return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(str(_quoted(item)) for item in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(str(_quoted(item)) for item in value)}{',' * (len(value) == 1)})"
    return value


def _quoted(value: Any) -> object:
    return repr(value) if isinstance(value, str) else _text(value)


def _is_composed(estimator: Any) -> bool:
    """Return whether other estimators are among its params, so that a diagram shows something."""
    return any(hasattr(value, "get_params") for value in estimator.get_params().values())


def _log_diagram(training: SklearnTraining) -> None:
    from sklearn.utils import estimator_html_repr

    run = training.run
    diagram = f'<!DOCTYPE html>\n<meta charset="utf-8">\n{estimator_html_repr(training.instance)}'
    run.client.log_text(run.run_id, diagram, "estimator.html")


def _importances(fitted: Fitted) -> dict[str, float]:
    """Return how much each feature counts, the most important first; empty if it does not tell."""
    values = getattr(fitted.estimator, "feature_importances_", None)
    if values is None:
        return {}
    names = getattr(fitted.estimator, "feature_names_in_", None)
    if names is None:
        names = [f"feature_{number}" for number in range(len(values))]
    pairs = sorted(zip(names, values, strict=True), key=lambda pair: -abs(pair[1]))
    return {str(name): float(value) for name, value in pairs}


def _arguments(training: SklearnTraining, params: Mapping[str, object]) -> Fitted:
    """Return the data of a training, copied where the training may write into it."""
    names = training.parameters[:2]
    features = training.argument(names[0]) if names else None
    targets = training.argument(names[1]) if len(names) > 1 and names[1] in ("y", "Y") else None
    may_be_changed = any(
        key.rpartition("__")[2] in _COPY_PARAMS and value is False for key, value in params.items()
    )
    if may_be_changed:
        features, targets = copy.deepcopy((features, targets))
    weight = training.argument("sample_weight")
    return Fitted(training.instance, features, targets, weight, training.settings.pos_label)


def _log_model(training: SklearnTraining, fitted: Fitted, params: Mapping[str, object]) -> None:
    estimator, settings = fitted.estimator, training.settings
    sample = sample_rows(fitted.features) if settings.log_models else None
    signature = None
    if sample is not None and settings.log_model_signatures:
        signature = describe_signature(sample, partial(_predict_rows, fitted))
    example = sample if settings.log_input_examples else None
    description = ModelDescription(params=params, signature=signature, input_example=example)
    serialization_format = settings.serialization_format
    training.log_model(
        sklearn_flavor(estimator, serialization_format),
        partial(write_estimator, estimator, serialization_format),
        description,
    )


def _predict_rows(fitted: Fitted, rows: Any) -> Any:
    """Return what a model gives for the first rows of its data; None if it gives nothing."""
    estimator = fitted.estimator
    with suppress(*DOES_NOT_APPLY):
        if fitted.is_classifier or fitted.is_regressor:
            return fitted.predicted[: len(rows)]
        for name in ("predict", "transform"):
            if hasattr(estimator, name):
                return getattr(estimator, name)(rows)
    return None
