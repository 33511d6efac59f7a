"""scikit-learn: trainings logged by themselves, and estimators stored and loaded."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from runstream.autologging.sklearn import LIBRARY
from runstream.autologging.sklearn.model import (
    check_format,
    read_estimator,
    sklearn_flavor,
    write_estimator,
)
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.errors import InvalidArgument
from runstream.models import model_logging
from runstream.models.model_loading import open_model
from runstream.models.model_logging import ModelDescription, ModelInfo

__all__ = ["autolog", "load_model", "log_model"]


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - an argument of MLflow's
    silent: bool = False,
    max_tuning_runs: int | None = 5,
    log_post_training_metrics: bool = True,
    serialization_format: str = "pickle",
    registered_model_name: str | None = None,
    pos_label: object = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log trainings of scikit-learn by themselves, whether it is imported already or will be.

    What a call of `fit`, `fit_transform` or `fit_predict` logs is in docs/autolog.md.

    Args:
        log_input_examples: whether some rows of the data are stored with the model.
        log_model_signatures: whether the columns that the model takes and gives are stored with it.
        log_models: whether trained models are stored.
        log_datasets: whether the data of trainings is recorded as inputs of the run.
        disable: whether to turn it off, and put back what was patched.
        exclusive: whether trainings within an active run of the user are left out.
        disable_for_unsupported_versions: changes nothing; MLflow has it.
        silent: whether nothing is said of what could not be logged.
        max_tuning_runs: how many candidates of a search such as GridSearchCV become child runs, the
            best first; all, if None.
        log_post_training_metrics: whether `score` and functions of `sklearn.metrics`, called later
            for predictions of the model, log what they return.
        serialization_format: how models are stored, `pickle` or `skops`. Reading a file of skops
            runs no code that it names; it is larger, and takes longer to write and read.
        registered_model_name: the registered model of which the model of each training becomes a
            version; if None, it is not registered.
        pos_label: the class that counts as positive in precision, recall and F1; if None, they are
            means over the classes, weighted by their size.
        extra_tags: tags of the runs that are started for trainings.

    Raises:
        InvalidArgument: `max_tuning_runs` is negative, or there is no such format.
        ModuleNotFoundError: wrapt is not installed: `pip install 'runstream[autolog]'`; or skops.
    """
    if max_tuning_runs is not None and max_tuning_runs < 0:
        raise InvalidArgument(
            f"Invalid value {max_tuning_runs!r} for parameter 'max_tuning_runs' supplied: "
            "it must not be negative",
            reason="OUT_OF_RANGE",
            field="max_tuning_runs",
            value=max_tuning_runs,
            limit="0 or more",
        )
    check_format(serialization_format)
    settings = SklearnSettings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
        max_tuning_runs=max_tuning_runs,
        log_post_training_metrics=log_post_training_metrics,
        serialization_format=serialization_format,
        pos_label=pos_label,
    )
    LIBRARY.choose(None if disable else settings)


def log_model(
    sk_model: Any,
    name: str = "model",
    *,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    model_type: str = "",
    step: int = 0,
    artifact_path: str | None = None,
    registered_model_name: str | None = None,
    serialization_format: str = "pickle",
    skops_trusted_types: Collection[str] | None = None,
) -> ModelInfo:
    """Store an estimator as a logged model of the active run, starting a run if there is none.

    The versions of the packages that it needs are stored with it.

    Args:
        sk_model: the estimator.
        name: name of the model, for people and for `runs:/RUN_ID/NAME`.
        params: params of the model.
        tags: tags of the model.
        model_type: its kind, such as `Classifier`.
        step: the training step after which it was made.
        artifact_path: an older name of `name`.
        registered_model_name: the registered model of which it becomes a version.
        serialization_format: how it is stored, `pickle` or `skops`. Reading a file of skops runs no
            code that it names; it is larger, and takes longer to write and read.
        skops_trusted_types: types which MLflow's `load_model` may make of it, besides those that
            skops trusts; with the format `skops`.

    Raises:
        InvalidArgument: an argument breaks its rule.
        ModuleNotFoundError: skops is asked for, and not installed.
        pickle.PicklingError: it cannot be pickled, as with a lambda in it.
    """
    check_format(serialization_format)
    description = ModelDescription(
        artifact_path or name,
        params,
        tags,
        model_type,
        step,
        registered_model_name=registered_model_name,
    )
    write = partial(write_estimator, sk_model, serialization_format)
    flavor = sklearn_flavor(sk_model, serialization_format, skops_trusted_types)
    return model_logging.log_model(flavor, write, description)


def load_model(
    model_uri: str | os.PathLike[str], skops_trusted_types: Collection[str] | None = None
) -> Any:
    """Return an estimator that `log_model`, autologging or MLflow stored.

    Reading a pickle runs code that it names: load models of people whom you trust alone. A file of
    skops is never read as a pickle.

    Args:
        model_uri: `models:/MODEL_ID`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`,
            `runs:/RUN_ID/NAME`, or the path of a folder.
        skops_trusted_types: types that may be made of a file of skops, besides those that skops
            trusts. What the model itself calls trusted does not count.

    Raises:
        InvalidArgument: the URI has another form, the model is none of scikit-learn, or its
            description is malformed.
        FailedPrecondition: the model is of skops, and has other types.
        NotFound: there is no such model.
    """
    with open_model(model_uri, "sklearn") as stored:
        return read_estimator(stored, skops_trusted_types=skops_trusted_types)
