"""What is logged alike of all libraries that boost trees."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from runstream.autologging import evaluation, importance
from runstream.autologging.datasets import describe
from runstream.autologging.importance import Importances
from runstream.autologging.library import Library
from runstream.autologging.signatures import describe_signature
from runstream.autologging.training import Log, Training
from runstream.models.model_files import Flavor
from runstream.models.model_logging import ModelDescription

T = TypeVar("T")


def log_estimator(training: Training[Any]) -> None:
    """Set the tags that name the class of an estimator."""
    kind = type(training.instance)
    training.run.set_tags(
        {"estimator_name": kind.__name__, "estimator_class": f"{kind.__module__}.{kind.__name__}"},
        on_error="skip",
    )


def log_model(
    training: Training[Any],
    flavor: Flavor,
    write: Callable[[Path], object],
    sample: Any,
    predict: Callable[[Any], Any],
) -> None:
    """Store a model, with its signature if there are some rows of its data.

    Args:
        training: the training.
        flavor: how it is stored.
        write: writes it into a folder.
        sample: the first rows of the data, as `sample_rows` returns them.
        predict: what the model gives for rows.
    """
    settings, signature = training.settings, None
    if settings.log_models and settings.log_model_signatures and sample is not None:
        signature = training.attempt(describe_signature, sample, predict)
    example = sample if settings.log_input_examples else None
    description = ModelDescription(signature=signature, input_example=example)
    training.attempt(training.log_model, flavor, write, description)


def patch_estimators(
    library: Library[Any], module: ModuleType, base: type, log_fit: Log[Any]
) -> None:
    """Log each `fit` of the estimators of a module, and what is evaluated of them later.

    Args:
        library: their library.
        module: the module that has their classes.
        base: the class of them all.
        log_fit: logs one training.
    """

    def log(training: Training[Any]) -> Generator[None, Any, None]:
        yield from log_fit(training)
        evaluation.remember(library, training)

    for value in list(vars(module).values()):
        if isinstance(value, type) and issubclass(value, base):
            if "fit" in vars(value):
                library.wrap_training(value, "fit", log)
            evaluation.observe_models(library, value)


def log_fit_datasets(training: Training[Any], name: str) -> None:
    """Record the data of a call of `fit`, and that of its evaluation sets.

    Args:
        training: the training.
        name: name of an evaluation set that has none, with `{}` for its number.
    """
    if not training.settings.log_datasets:
        return
    log_dataset(training, training.argument("X"), training.argument("y"), "train")
    names = training.argument("eval_names") or ()
    for i, (features, targets) in enumerate(_evaluation_sets(training)):
        own_name = names[i] if i < len(names) else name.format(i)
        log_dataset(training, features, targets, "eval", own_name)


def _evaluation_sets(training: Training[Any]) -> list[tuple[Any, Any]]:
    """Return features and targets of each evaluation set."""
    features, targets = training.argument("eval_X"), training.argument("eval_y")  # of LightGBM
    if features is not None:
        several = isinstance(features, tuple)
        return list(zip(features, targets, strict=True)) if several else [(features, targets)]
    sets = training.argument("eval_set") or []
    pairs = [sets] if isinstance(sets, tuple) else sets
    return [(pair[0], pair[1]) for pair in pairs]


def log_dataset(
    training: Training[Any], features: Any, targets: Any, context: str, name: str | None = None
) -> None:
    """Record data as an input, if it is of a kind that can be described."""
    dataset = describe(features, targets, name)
    if dataset is not None:
        training.log_dataset(dataset, context)


def log_call_params(
    training: Training[Any], params: Mapping[str, Any], unlogged: frozenset[str]
) -> None:
    """Log the params of a model, and the other arguments of the function that trains it.

    If an estimator called the function, what the user chose of its params is logged, too. Where
    both have a param, that of the function counts: the estimator made it of its own.

    Args:
        training: the training.
        params: the params of the model.
        unlogged: names of arguments that are no params.
    """
    estimator = training.outer.instance if training.outer else None
    own = estimator.get_params() if estimator is not None else {}
    chosen = {k: v for k, v in own.items() if v is not None and k not in unlogged}
    arguments = {k: v for k, v in training.arguments().items() if k not in unlogged}
    (training.outer or training).log_params(chosen | dict(params) | arguments)


def add_callback(training: Training[Any], kind: type[T]) -> T:
    """Let a callback log the metrics of each iteration; return it.

    If the program has given the training one of ours, that does it.

    Args:
        training: the training.
        kind: the class of the callback, which takes what logs the metrics of an iteration.
    """
    given = list(training.argument("callbacks") or ())
    for callback in given:
        if isinstance(callback, kind):
            return callback
    added = kind(partial(log_metrics, training))  # type: ignore[call-arg] # all take it
    # In front: LightGBM numbers callbacks from the end, XGBoost calls none after one that stops.
    training.replace_argument("callbacks", [added, *given])
    return added


def log_metrics(training: Training[Any], metrics: Mapping[str, float], step: int) -> None:
    """Log the metrics of an iteration, for a callback: it never raises."""
    training.attempt(training.run.log_metrics, metrics, step, on_error="skip")


def log_early_stop(
    training: Training[Any],
    metrics: Mapping[str, float],
    best: Mapping[str, float],
    step: int,
) -> None:
    """Log where a training stopped, and the metrics of its best iteration once more, at the end.

    Args:
        training: the training.
        metrics: `best_iteration`, `stopped_iteration` and more, as the library counts them.
        best: the metrics of the best iteration.
        step: the step after that of the last iteration.
    """
    training.run.log_metrics(metrics, on_error="skip")
    training.run.log_metrics(best, step, on_error="skip")


def log_importances(training: Training[Any], kind: str, importances: Importances) -> None:
    """Upload how important each feature is; the kind, as `gain`, is part of the names of files."""
    importance.log_importances(training, importances, f"feature_importance_{kind}", kind)
